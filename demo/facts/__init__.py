"""The kinds of fact that the simulated company is made of; `demo.model` gathers them."""
