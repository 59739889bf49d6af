"""What a build leaves behind of itself."""

from deploy.build_record import BuildRecord


def test_steps_are_counted_by_whether_they_came_from_the_cache() -> None:
    step = {"name": "x", "seconds": 1.0}
    record = BuildRecord.model_validate(
        {
            "role": "r", "tag": "t", "image_id": "i", "identity": "i", "layers": [], "started": "",
            "seconds": 1.0,
            "steps": [{**step, "cached": cached} for cached in (True, False, True)],
            "source": {"revision": "", "dirty": False, "lock_sha256": ""}, "inputs": "",
            "base": {
                "reference": "", "origin": "local", "layers": [], "environment": {}, "labels": {}, "ports": [],
                "shell": [], "stop_signal": "",
            },
            "torch_source": "none", "tools": {},
        }
    )  # fmt: skip
    assert (record.steps_cached, record.steps_run) == (2, 1)


def test_a_record_is_written_with_the_one_schema_that_this_version_reads() -> None:
    assert BuildRecord.model_fields["schema_"].default == 4
