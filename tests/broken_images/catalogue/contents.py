"""The layers hold too much, hold it twice, or give somebody rights; or they cannot be read."""

from tests.broken_images.fault import ADDRESS, API, SITE, Fault, as_root

# Root without its capabilities cannot write the data: the server gets unhealthy, and nobody should wait for it
IMPATIENT = (
    f'HEALTHCHECK --interval=1s --retries=1 CMD ["python", "-m", "ktrdr.healthcheck", "{ADDRESS}:8000{API}/health"]'
)
WEIGHTS = "/home/ktrdr/weights.bin"

FAULTS = (
    Fault(
        "the engine breaks off while it exports the layers",
        "RUN echo new >/home/ktrdr/layer", "contents", "ERROR", "ENVIRONMENT", accident="export cut off",
    ),
    Fault("100 MB too much", f"RUN truncate --size 100000000 {WEIGHTS}", "size-added"),
    Fault(
        "100 MB too much, which a later layer deletes",
        f"RUN truncate --size 100000000 {WEIGHTS}\nRUN rm {WEIGHTS}", "size-added",
    ),
    Fault(
        "more than the total that the specification allows (lowered, so that the image stays small)",
        f"RUN truncate --size 100000000 {WEIGHTS}",
        "size-total", contract={"total_at_most": 150_000_000, "added_at_most": 150_000_000},
    ),
    Fault("a gigabyte too much", f"RUN truncate --size 1000000000 {WEIGHTS}", "size-total", says=("1,1",)),
    Fault(
        "a distribution has grown by 30 MB since the baseline",
        as_root(f"""
truncate --size 30000000 {SITE}/idna/tables.bin
echo idna/tables.bin,sha256=x,30000000 | tee -a {SITE}/idna-*.dist-info/RECORD
"""),
        "size-growth", says=("idna +30.0 MB (required by",),
    ),
    Fault("a late chown holds the environment again", as_root("chown -R 10001 /opt/venv"), "no-repeated-bytes"),
    Fault("a late chmod holds the environment again", as_root("chmod -R g+w /opt/venv"), "no-repeated-bytes"),
    Fault(
        "the environment was copied over itself",
        as_root("cp -a /opt/venv /opt/copy\nrm -r /opt/venv\nmv /opt/copy /opt/venv"), "no-repeated-bytes",
    ),
    Fault("the image runs as root", f"USER 0:0\n{IMPATIENT}", "user", says=("root",)),
    Fault("the user has a name and no number", "USER ktrdr", "user", says=("not numeric",)),
    Fault("the user has a name that only looks like a number",
          as_root("echo '²:x:10001:10001::/home/ktrdr:/bin/sh' >>/etc/passwd") + "USER ²", "user",
          says=("'²', not numeric",)),
    Fault("the user is one that nobody has made", f"USER 4711:4711\n{IMPATIENT}", "user",
          says=("no entry in /etc/passwd",)),
    Fault("the user has no home", as_root("rm -r /home/ktrdr") + "WORKDIR /", "user", says=("/home/ktrdr",)),
    Fault(
        "a program gives the rights of root to whoever runs it",
        as_root("cp /usr/bin/env /usr/local/bin/run-as\nchmod 4755 /usr/local/bin/run-as"), "user", says=("run-as",),
    ),
    Fault("everybody is root, who has no password", as_root("sed -i 's/^root:[^:]*:/root::/' /etc/passwd"), "user",
          says=("root has no password",)),
    Fault("the user may write where the accounts lie", as_root("chmod 777 /etc"), "user", says=("directories: /etc",)),
    Fault("the user owns where libraries lie", as_root("chown 10001 /usr/lib/$(uname -m)-linux-gnu"), "user",
          says=("directories: /usr/lib/",)),
    Fault("everybody may write among the application's modules", as_root(f"chmod 777 {SITE}/ktrdr/api"), "user",
          says=("ktrdr/api",)),
    Fault("the user may not read a part of the application", as_root(f"chmod 700 {SITE}/ktrdr/api/page/static"), "user",
          says=(f"cannot read: {SITE}/ktrdr/api/page/static",)),
    Fault("the user may not read what a distribution brought", as_root(f"chmod 600 {SITE}/idna/core.py"), "user",
          says=(f"cannot read: {SITE}/idna/core.py",)),
    Fault("root has a password that everybody knows", as_root("echo root:root | chpasswd"), "user",
          says=("/etc/shadow: root has a password",)),
    Fault("the user is one of those who read every password",
          as_root("sed -i 's/^shadow:x:42:$/shadow:x:42:ktrdr/' /etc/group") + "USER 10001", "user",
          says=("the system's group shadow",)),
    Fault("the user's group is one of the system's", "USER 10001:42", "user", says=("the system's group shadow",)),
    Fault("a second account has root's number", as_root("echo other:x:0:0::/:/bin/sh >>/etc/passwd"), "user",
          says=("other is root by number",)),
    Fault("a device hides a module of the application",
          as_root(f"rm {SITE}/ktrdr/data/sample.py\nmknod {SITE}/ktrdr/data/sample.py c 1 3"), "lock-parity",
          category="CONFIGURATION", says=("sample.py",)),
    Fault("the user owns a program by its second name",
          as_root("mkdir /opt/t\ncp /bin/true /opt/t/run\nchown 10001 /opt/t/run\nln /opt/t/run /home/ktrdr/a"),
          "user", says=("/opt/t/run",)),
    Fault("the user may not reach the certificates of the base", as_root("chmod 700 /etc/ssl"), "user",
          says=("cannot read: /etc/ssl",)),
)  # fmt: skip
