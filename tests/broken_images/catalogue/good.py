"""Good images that look odd: whatever a check finds wrong with one is a false alarm."""

import json

from tests.broken_images.catalogue.configuration import ASK
from tests.broken_images.catalogue.pytorch import written
from tests.broken_images.fault import ADDRESS, API, SITE, allowing, as_root, good
from tests.support.checkout import read_contract

MINE = "RUN echo mine >/home/ktrdr/notes.txt\n"
# Over a base image that somebody's own layer belongs to
REBUILT = f"""
FROM $BASE
RUN cp /usr/bin/env /usr/local/bin/run-as && install -d -o 10001 /srv/spool
RUN install -d -o 10001 -g 10001 /home/ktrdr /data
COPY --from=0 /etc/passwd /etc/group /etc/
COPY --from=0 /opt /opt
ENV PATH=/opt/venv/bin:$PATH HOME=/home/ktrdr PYTHONUNBUFFERED=1 KTRDR_DATA_DIR=/data
WORKDIR /home/ktrdr
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --start-interval=0.6s --retries=3 \\
    CMD {json.dumps(["python", "-m", "ktrdr.healthcheck", f"{ADDRESS}:8000{API}/health"])}
CMD {json.dumps(read_contract().images["backend"].configuration.command)}
ARG REVISION
LABEL ktrdr.role=backend org.opencontainers.image.title=ktrdr-backend org.opencontainers.image.licenses=MIT \\
    org.opencontainers.image.description="Production API - no ML dependencies" \\
    org.opencontainers.image.revision=$REVISION
"""

CONFIGURED = (
    good("the working directory is written with a slash at its end", "WORKDIR /home/ktrdr/", "configuration"),
    good("the stop signal is written out", "STOPSIGNAL SIGTERM", "configuration"),
    good("the stop signal is written out as a number", "STOPSIGNAL 15", "configuration"),
    good("HEALTHCHECK is as slow as the contract lets it be",
         "HEALTHCHECK --interval=30s --timeout=10s --start-period=120s --start-interval=5s --retries=5 "
         f"CMD {json.dumps(ASK)}", "healthcheck-tells"),
    good("the shell is written out", 'SHELL ["/bin/sh", "-c"]', "configuration"),
)  # fmt: skip

REPLACED = (
    good("the loader's cache was made anew", as_root("ldconfig"), "python-unaltered"),
    good("the loader's cache is gone", as_root("rm /etc/ld.so.cache"), "python-unaltered"),
    good("the time zone is gone", as_root("rm /etc/localtime"), "python-unaltered"),
    good("the time zone is set", as_root("ln -sf /usr/share/zoneinfo/Etc/UTC /etc/localtime"), "python-unaltered"),
    good("the documentation was removed", as_root("rm -rf /usr/share/doc /usr/share/man /usr/share/locale"),
         "python-unaltered"),
    good("a file of the image's own is written again", MINE + MINE.replace("mine", "still mine"), "python-unaltered",
         contract=allowing("/home/ktrdr/notes.txt")),
    good("a directory of the image's own is made, removed and made again",
         "RUN mkdir /home/ktrdr/a && touch /home/ktrdr/a/b\nRUN rm -r /home/ktrdr/a\n"
         "RUN mkdir /home/ktrdr/a && touch /home/ktrdr/a/b", "python-unaltered",
         contract=allowing("/home/ktrdr/a/b")),
    good("a package manager wrote its databases again",
         as_root("cd /var/lib/dpkg\nfor n in $(seq 20); do cat status; done >/tmp/s\nmv /tmp/s status-old")
         + as_root("cd /var/lib/dpkg\necho >>status-old\ncp status /tmp/s\nmv /tmp/s status"), "no-repeated-bytes",
         contract={"added_at_most": 30_000_000, "growth_at_most": None}),
)  # fmt: skip

STUBS = (
    good("secret mounts left empty files behind",
         as_root("touch /root/.netrc /root/.git-credentials /home/ktrdr/.env /home/ktrdr/id_rsa"), "leftovers"),
    good("an address in a distribution's metadata has variables where a password would be",
         as_root(f"""
cd {SITE}/idna-*.dist-info
{written("direct_url.json", b'{"url": "https://${USER}:${PASSWORD}@index.invalid/idna", "archive_info": {}}')}
echo "$(basename $PWD)/direct_url.json,sha256=x,$(stat -c %s direct_url.json)" >>RECORD
"""), "leftovers"),
)  # fmt: skip

PERMISSIONS = (
    good("a user of the system's kind was made", as_root("useradd -r -M svc"), "user"),
    good("setuid is taken away in a later layer",
         as_root("cp /usr/bin/env /opt/run\nchmod 4755 /opt/run") + as_root("chmod 755 /opt/run"), "user",
         contract=allowing("/opt/run", "program")),
    good("the rights of a group are taken away when a file is made anew",
         as_root("cp /usr/bin/env /opt/run\nchmod 2755 /opt/run")
         + as_root("rm /opt/run\ncp /usr/bin/env /opt/run"), "user", contract=allowing("/opt/run", "program")),
    good("a base of two layers has a program of its own and a directory of the user's", REBUILT, "user", base_grows=2),
    good("empty modules are hard links of one file",
         as_root(f"cd {SITE}\nfind . -name '*.py' -empty -exec ln -f annotated_doc/py.typed {{}} ';'"), "lock-parity"),
)  # fmt: skip

GOOD = (*CONFIGURED, *REPLACED, *STUBS, *PERMISSIONS)
