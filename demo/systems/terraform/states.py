"""State files of format 4: outputs and resources with plausible attributes, a password in clear among them.

- A resource's attributes follow from its address and from the serial at which it last changed, so that two
  consecutive versions differ in exactly the resources that the timeline says.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

from demo.systems.stable import digest, number

if TYPE_CHECKING:
    from demo.model import TerraformVersion

Resources = dict[str, int]  # address -> serial at which it last changed
_ACCOUNT = 210_987_654_321
_REGION = "us-east-1"
_PROVIDER = 'provider["registry.terraform.io/hashicorp/aws"]'


def state_body(version: TerraformVersion, held: Resources) -> bytes:
    """The state file of a version; `held` is brought up to it."""
    for gone in held.keys() - set(version.addresses):
        del held[gone]
    for address in version.addresses:
        if address in version.changed or address not in held:
            held[address] = version.serial
    place = version.key.split("/")[-2]
    state = {
        "version": 4,
        "terraform_version": version.terraform_version,
        "serial": version.serial,
        "lineage": version.lineage,
        "outputs": _outputs(place, held),
        "resources": [_resource(place, address, held[address]) for address in sorted(held)],
        "check_results": None,
    }
    return json.dumps(state, indent=2).encode() + b"\n"


def _outputs(place: str, held: Resources) -> dict[str, object]:
    database = next((a for a in sorted(held) if a.startswith("aws_db_instance.")), None)
    found: dict[str, object] = {"environment": {"value": "production", "type": "string"}}
    if database:
        made = _database(place, database, held[database])
        found["database_endpoint"] = {"value": made["address"], "type": "string"}
        found["database_password"] = {"value": made["password"], "type": "string", "sensitive": True}
    return found


def _resource(place: str, address: str, changed: int) -> dict[str, object]:
    kind, _, name = address.partition(".")
    make = _ATTRIBUTES.get(kind, _subnet)
    attributes = make(place, address, changed) | {"tags": {"Name": f"{place}-{name}", "revision": str(changed)}}
    secret = [[{"type": "get_attr", "value": "password"}]] if "password" in attributes else []
    private = base64.b64encode(json.dumps({"schema_version": "1"}).encode()).decode()
    return {
        "mode": "managed",
        "type": kind,
        "name": name,
        "provider": _PROVIDER,
        "instances": [
            {
                "schema_version": 1,
                "attributes": attributes,
                "sensitive_attributes": secret,
                "private": private,
                "dependencies": ["aws_subnet.main"] if kind == "aws_db_instance" else [],
            }
        ],
    }


def _subnet(place: str, address: str, changed: int) -> dict[str, object]:
    del changed
    return {
        "id": f"subnet-{_hex(place, address, 17)}",
        "vpc_id": f"vpc-{_hex(place, 'vpc', 17)}",
        "cidr_block": f"10.{number(16, 200, place)}.{number(0, 255, place, address)}.0/24",
        "availability_zone": f"{_REGION}{'abc'[number(0, 3, address)]}",
        "map_public_ip_on_launch": False,
    }


def _security_group(place: str, address: str, changed: int) -> dict[str, object]:
    port = number(1024, 9000, place, address, changed)
    rule = {"from_port": port, "to_port": port, "protocol": "tcp", "cidr_blocks": ["10.0.0.0/8"]}
    return {"id": f"sg-{_hex(place, address, 17)}", "ingress": [rule], "egress": [], "revoke_rules_on_delete": False}


def _role(place: str, address: str, changed: int) -> dict[str, object]:
    del changed
    name = f"{place}-{address.partition('.')[2]}"
    statement = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    return {
        "id": name,
        "arn": f"arn:aws:iam::{_ACCOUNT}:role/{name}",
        "unique_id": f"AROA{_hex(place, address, 17).upper()}",
        "assume_role_policy": json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
        "max_session_duration": 3600,
    }


def _database(place: str, address: str, changed: int) -> dict[str, object]:
    name = f"{place}-{address.partition('.')[2].replace('_', '-')}"
    return {
        "id": name,
        "address": f"{name}.{_hex(place, address, 12)}.{_REGION}.rds.amazonaws.com",
        "engine": "postgres",
        "engine_version": f"15.{number(2, 9, place, address, changed)}",
        "instance_class": "db.m6g.large",
        "username": "ledger",
        "password": base64.b64encode(digest("password", place, address)[:15]).decode(),
        "storage_encrypted": True,
        "deletion_protection": True,
    }


def _store(place: str, address: str, changed: int) -> dict[str, object]:
    del changed
    name = f"harborpay-{place}-{address.partition('.')[2].replace('_', '-')}"
    return {"id": name, "bucket": name, "arn": f"arn:aws:s3:::{name}", "force_destroy": False, "region": _REGION}


_ATTRIBUTES = {
    "aws_subnet": _subnet,
    "aws_security_group": _security_group,
    "aws_iam_role": _role,
    "aws_db_instance": _database,
    "aws_s3_bucket": _store,
}


def _hex(place: str, address: str, length: int) -> str:
    return digest(place, address).hex()[:length]
