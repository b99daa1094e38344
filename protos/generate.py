"""Generates the Python under gen/ from the contracts, and checks that it is fresh.

python protos/generate.py            write gen/
python protos/generate.py --check    exit 1 when gen/ is not what the contracts say
python protos/generate.py --image F  write a descriptor image with comments, for buf to lint
python protos/generate.py --baseline F  the same without comments, for buf to compare later contracts with
"""

from __future__ import annotations

import argparse
import filecmp
import shutil
import sys
import tempfile
from pathlib import Path

import google.api
import grpc_tools
from google.protobuf import descriptor_pb2
from grpc_tools import protoc
from protovalidate._gen.buf.validate import validate_pb

HERE = Path(__file__).parent
GEN = HERE / "gen"
CONTRACTS = sorted(str(p.relative_to(HERE)) for p in (HERE / "maas").rglob("*.proto"))
VALIDATE = "buf/validate/validate.proto"
# The REST transcoder turns error details into JSON only when it knows their type.
ERROR_DETAILS = "google/rpc/error_details.proto"


def run_protoc(*arguments: str) -> None:
    """Run protoc over HERE and everything the contracts import.

    The validation rules come without a .proto, only as a descriptor inside their package; it is handed over as a set.
    """
    rules = descriptor_pb2.FileDescriptorSet()
    rules.file.add().ParseFromString(validate_pb.desc().proto.to_binary())
    roots = (HERE, Path(next(iter(google.api.__path__))).parent.parent, Path(next(iter(grpc_tools.__path__))) / "_proto")
    with tempfile.NamedTemporaryFile(suffix=".binpb") as known:
        known.write(rules.SerializeToString())
        known.flush()
        code = protoc.main(["protoc", f"--descriptor_set_in={known.name}", *(f"-I{root}" for root in roots), *arguments])
    if code != 0:
        raise SystemExit(f"protoc failed with exit code {code}")


def generate(out: Path) -> None:
    """Write messages, servicers, their type stubs and the transcoder's descriptor set below `out`."""
    out.mkdir(parents=True, exist_ok=True)
    run_protoc(f"--python_out={out}", f"--pyi_out={out}", *CONTRACTS, VALIDATE)
    services = [c for c in CONTRACTS if "\nservice " in (HERE / c).read_text()]
    run_protoc(f"--grpc_python_out={out}", f"--mypy_grpc_out={out}", *services)
    run_protoc("--include_imports", f"--descriptor_set_out={out / 'maas/descriptor.binpb'}", *CONTRACTS, ERROR_DETAILS)
    (out / "maas/py.typed").touch()


def differences(left: Path, right: Path) -> list[str]:
    """Files below the two folders that are not the same, or only in one."""
    names = {p.relative_to(root) for root in (left, right) for p in root.rglob("*") if p.is_file() and "__pycache__" not in p.parts}
    return sorted(
        str(n) for n in names if not ((left / n).is_file() and (right / n).is_file() and filecmp.cmp(left / n, right / n, shallow=False))
    )


def main() -> int:
    """Command line; see the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when gen/ is stale")
    parser.add_argument("--image", metavar="FILE", help="write only a descriptor image with comments")
    parser.add_argument("--baseline", metavar="FILE", help="write only a descriptor image without comments")
    options = parser.parse_args()
    if options.image:
        run_protoc("--include_imports", "--include_source_info", f"--descriptor_set_out={options.image}", *CONTRACTS)
    elif options.baseline:
        run_protoc("--include_imports", f"--descriptor_set_out={options.baseline}", *CONTRACTS)
    elif options.check:
        with tempfile.TemporaryDirectory() as fresh:
            generate(Path(fresh))
            if stale := differences(Path(fresh), GEN):
                print("protos/gen is stale; run `make protos`:", *stale, sep="\n  ", file=sys.stderr)
                return 1
    else:
        shutil.rmtree(GEN, ignore_errors=True)
        generate(GEN)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
