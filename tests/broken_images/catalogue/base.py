"""Something of the base image is gone or no longer true: accounts, packages, directories, the time zone."""

from tests.broken_images.fault import Fault, as_root, good

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

FAULTS = ACCOUNTS
