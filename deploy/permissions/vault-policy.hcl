# The collector reads Vault's audit files and needs no token: let its user read them (`mode = "0640"` in the device's
# options, and the collector in the file's group).
#
# This policy is for whoever compares `sources.vault.devices` with the devices that Vault has. Vault wants `sudo` on this
# path even for reading; no path on which `sudo` could change a device is granted.
path "sys/audit" {
  capabilities = ["read", "sudo"]
}
