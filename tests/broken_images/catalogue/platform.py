"""An image is for another platform than the contract's, by its configuration, its programs or its own words."""

from tests.broken_images.fault import SITE, Fault, as_root, file

PYTHON = "/usr/bin/python3.11"


def header(offset: int, *octets: int) -> str:
    """Return the lines that write octets into the ELF header of the base's interpreter."""
    written = "".join(f"\\{octet:03o}" for octet in octets)
    return as_root(
        f"python=$(readlink -f {PYTHON} || readlink -f /usr/local/bin/python3.11)\n"
        f"printf '{written}' | dd of=$python bs=1 seek={offset} conv=notrunc status=none"
    )


FAULTS = (
    *(
        Fault(f"built on this machine's images for {platform}", "", "platform", platform=platform,
              says=(f"the configuration says {platform}",))
        for platform in ("linux/arm64", "linux/s390x", "linux/amd64/v3")
    ),
    *(
        Fault(f"the interpreter is a program for {what}, which runs nowhere here", header(*octets), "platform",
              says=(f"ELF header says {says}",))
        for what, octets, says in (
            ("64-bit Arm", (18, 183, 0), "aarch64"),
            ("RISC-V", (18, 243, 0), "ELF class 02, machine 243"),
            ("32-bit x86", (4, 1), "ELF class 01, machine 62"),
        )
    ),
    *(
        Fault(f"its Python takes the machine for {machine}",
              file(f"{SITE}/zzz.pth", f"import platform; platform.machine = lambda: {machine!r}"), "platform",
              says=(f"the running Python says {machine}",))
        for machine in ("aarch64", "i686", "AMD64")
    ),
)  # fmt: skip
