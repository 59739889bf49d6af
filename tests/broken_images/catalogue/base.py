"""Something of the base image is gone or no longer true: accounts, packages, directories, the time zone."""

from tests.broken_images.fault import SECRET, SITE, Fault, as_root, good

USER = "ktrdr:x:10001:10001:ktrdr:/home/ktrdr:/usr/sbin/nologin"

ACCOUNTS = (
    Fault("the accounts of the base were overwritten", as_root(f"echo '{USER}' >/etc/passwd"), "user",
          says=("/etc/passwd: accounts of the base image are gone: root, daemon",)),
    Fault("the groups of the base were overwritten", as_root("echo 'ktrdr:x:10001:' >/etc/group"), "user",
          says=("/etc/group: accounts of the base image are gone: root, daemon",)),
    Fault("the files of groups and passwords are gone", as_root("rm /etc/group /etc/shadow /etc/gshadow"), "user",
          says=("/etc/group: accounts of", "/etc/shadow: accounts of", "/etc/gshadow: accounts of")),
    Fault("everybody may read the passwords", as_root("chmod 644 /etc/shadow"), "user",
          says=("/etc/shadow: everybody may read it",)),
    Fault("a second name has the user's number",
          as_root("echo 'deploy:x:10001:10001::/home/deploy:/bin/sh' >>/etc/passwd"), "user",
          says=("ktrdr and deploy have the same number 10001",)),
    Fault("the accounts say that the user's group is root's",
          as_root("sed -i 's/^ktrdr:x:10001:10001:/ktrdr:x:10001:0:/' /etc/passwd"), "user",
          says=("the group of ktrdr is root's",)),
    Fault("the user may not enter the home, where processes start", as_root("chmod 0 /home/ktrdr"), "user",
          says=("the home /home/ktrdr is missing, closed to the user", "cannot read: /home/ktrdr")),
    Fault("the user may not write in the home", as_root("chmod 500 /home/ktrdr"), "user",
          says=("the home /home/ktrdr is missing, closed to the user",)),
    good("nobody else may enter what is the user's", as_root("chmod 700 /data /home/ktrdr"), "user"),
)  # fmt: skip

STATUS = "/var/lib/dpkg/status"

PACKAGES = (
    Fault("the database of packages was emptied", as_root(f": >{STATUS}"), "leftovers",
          says=("not as in the base image: package base-files (gone)", "more")),
    Fault("the database of packages is gone", as_root("rm -r /var/lib/dpkg"), "leftovers",
          says=("not as in the base image: directory /var/lib/dpkg (gone), package base-files (gone)",)),
    Fault("the packages' lists of files are gone", as_root("rm /var/lib/dpkg/info/*.list"), "leftovers",
          says=("package base-files (without its list of files)",)),
    Fault("a package of the base is half-configured",
          as_root(f"sed -i '0,/^Status: install ok installed/s//Status: install ok half-configured/' {STATUS}"),
          "leftovers", says=("(half-configured)",)),
    Fault("the database has another version of a package of the base",
          as_root(f"sed -i '/^Package: base-files$/,/^$/s/^Version: .*/Version: 0.0.1/' {STATUS}"), "leftovers",
          says=("does not name: base-files 0.0.1",)),
    Fault("nothing says which system the base is", as_root("rm /etc/os-release"), "python-unaltered",
          says=("/etc/os-release",)),
)  # fmt: skip

DIRECTORIES = (
    Fault("directories of the base are gone", as_root("rm -r /root /srv /media /var/tmp /var/lib"), "leftovers",
          says=("directory /media (gone)", "directory /root (gone)", "directory /var/lib (gone)", "/var/tmp (gone)")),
    Fault("a link to the volume stands for a directory of the base", as_root("rm -r /srv\nln -s /data /srv"),
          "leftovers", says=("directory /srv (gone)",)),
    good("the base's caches and logs were removed",
         as_root("rm -rf /var/cache/* /var/log/* /var/lib/apt/lists /root/.cache"), "leftovers"),
    good("a directory of the base was removed and made again", as_root("rm -r /srv") + as_root("mkdir /srv"),
         "leftovers"),
)  # fmt: skip

ZONES = "/usr/share/zoneinfo"
TIME = (
    *(
        Fault(f"the time zone is {what}", as_root(script), "leftovers", says=(f"/etc/localtime ({why}",))
        for what, script, why in (
            ("another one", f"ln -sf {ZONES}/America/New_York /etc/localtime", f"it leads to {ZONES}/America/New_York"),
            ("a copy of another one", f"rm -f /etc/localtime\ncp {ZONES}/America/New_York /etc/localtime",
             "the time zone EST5EDT"),
            ("one that does not exist", f"ln -sf {ZONES}/No/City /etc/localtime", f"it leads to {ZONES}/No/City"),
            ("in the volume", "ln -sf /data/localtime /etc/localtime", "it leads to /data/localtime"),
            ("no zone at all", "rm -f /etc/localtime\nhead -c 1000 /dev/urandom >/etc/localtime", "no time zone"),
        )
    ),
    Fault("the time zone has another name than the base's", as_root("echo America/New_York >/etc/timezone"),
          "leftovers", says=("/etc/timezone (it says America/New_York, not ",)),
    good("the time zone's name is universal time's in other words", as_root("echo Etc/Universal >/etc/timezone"),
         "leftovers"),
    good("the time zone is a copy of the base's", as_root(f"rm -f /etc/localtime\ncp {ZONES}/Etc/UTC /etc/localtime"),
         "leftovers"),
    good("the time zone has the base's by another name", as_root(f"ln -sf {ZONES}/UTC /etc/localtime"), "leftovers"),
)  # fmt: skip

PASSWORDS = "/var/cache/debconf/passwords.dat"

RECORDS = (
    Fault("a package's installer kept a password",
          as_root(f"mkdir -p /var/cache/debconf\nprintf 'Value: %s%s\\n' '{SECRET[:9]}' '{SECRET[9:]}' >{PASSWORDS}"),
          "leftovers", says=(f"{PASSWORDS} (", "named like credentials"), hides=SECRET),
    good("packages' installers kept no password", as_root(f"mkdir -p /var/cache/debconf\n: >{PASSWORDS}"),
         "leftovers"),
    Fault("bytecode of another Python lies beside the image's own",
          as_root(f"cd {SITE}/idna/__pycache__\ncp core.cpython-311.pyc core.cpython-312.pyc"), "lock-parity",
          category="CONFIGURATION", says=("core.cpython-312.pyc (bytecode of another Python",)),
)  # fmt: skip

FAULTS = (*ACCOUNTS, *PACKAGES, *DIRECTORIES, *TIME, *RECORDS)
