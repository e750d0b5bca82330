#!/usr/bin/env python3
"""Checks through the real TensorBoard that a log folder shows everything it should.

usage: tensorboard_readback.py LOGDIR [EXPECT...]

Starts `python -m tensorboard.main` (of the Python that runs this) on LOGDIR twice, once with each of its loaders, and asks its
HTTP interface. Always required: at least one scalar, image, histogram and text tag and one hparams session; every run has tags;
every picture is a whole PNG of its width and height; no curve has a repeated or decreasing step.

EXPECT asks for more, as PLUGIN:RUN[:TAG], with shell wildcards in RUN and TAG and PLUGIN one of scalars, images, histograms, text,
hparams, custom_scalars, for example  scalars:*/mean-field:final/elbo_nats_mean  or  hparams:*:STATUS_SUCCESS
"""

import contextlib
import fnmatch
import json
import math
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import zlib

START_SECONDS = 120
DATA_SECONDS = 60
LOADERS = {"default loader": [], "python loader": ["--load_fast=false"]}
REQUIRED = ["scalars", "images", "histograms", "text", "hparams"]


class Missing(Exception):
    """Something TensorBoard should show and does not."""


class Board:
    """A running TensorBoard."""

    def __init__(self, logdir, flags):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.root = f"http://127.0.0.1:{port}/"
        self.log = tempfile.TemporaryFile()
        command = [sys.executable, "-m", "tensorboard.main", "--logdir", logdir, "--host", "127.0.0.1", "--port", str(port)]
        self.process = subprocess.Popen(
            command + ["--samples_per_plugin", "images=1000,scalars=100000", *flags], stdout=self.log, stderr=self.log
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()

    def raw(self, path, body=None, **query):
        url = self.root + path + ("?" + urllib.parse.urlencode(query) if query else "")
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"} if data else {})
        # Straight to the loopback address, whatever proxy the environment names.
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
            return answer.read()

    def ask(self, path, body=None, **query):
        return json.loads(self.raw(path, body, **query))

    def wait_until_ready(self):
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            if self.process.poll() is not None:
                self.log.seek(0)
                raise Missing("TensorBoard did not start:\n" + self.log.read().decode(errors="replace"))
            with contextlib.suppress(OSError):
                return self.ask("data/environment")
            time.sleep(0.3)
        raise Missing(f"TensorBoard did not answer within {START_SECONDS} s")

    def wait_until_loaded(self):
        """Until some runs are there and three looks in a row see the same."""
        end, looks = time.monotonic() + DATA_SECONDS, []
        while time.monotonic() < end:
            looks = [*looks[-2:], self.look()]
            if looks[-1][0] and looks == 3 * looks[-1:]:
                return looks[-1]
            time.sleep(1)
        raise Missing("the data did not come to rest" if looks[-1][0] else "no runs were loaded")

    def look(self):
        """All runs, and per plugin the tags by run."""
        runs = self.ask("data/runs")
        tags = {name: self.ask(f"data/plugin/{name}/tags") for name in ["scalars", "images", "histograms", "text"]}
        # The text plugin lists names, the others map names to descriptions.
        tags = {name: {run: sorted(found) for run, found in by_run.items()} for name, by_run in tags.items()}
        tags["hparams"] = {run: sorted([*settings, status]) for run, (settings, status) in self.sessions().items()}
        return runs, tags, self.lengths(tags["scalars"])

    def lengths(self, scalars):
        return {
            (run, tag): len(self.ask("data/plugin/scalars/scalars", run=run, tag=tag))
            for run, tags in scalars.items()
            for tag in tags
        }

    def sessions(self):
        """Hyper-parameters and status by session."""
        try:
            body = {"experimentName": "", "allowedStatuses": STATUSES, "colParams": [], "startIndex": 0, "sliceSize": 1000}
            groups = self.ask("data/plugin/hparams/session_groups", body=body)["sessionGroups"]
        except (urllib.error.HTTPError, KeyError):
            return {}
        return {each["name"]: (group["hparams"], each["status"]) for group in groups for each in group["sessions"]}


STATUSES = ["STATUS_UNKNOWN", "STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_RUNNING"]


def check_scalars(board, run, tag):
    points = board.ask("data/plugin/scalars/scalars", run=run, tag=tag)
    steps = [step for _, step, _ in points]
    for earlier, later in zip(steps, steps[1:]):
        if later <= earlier:
            raise Missing(f"scalar {run}/{tag}: step {later} follows step {earlier}")
    if not steps:
        raise Missing(f"scalar {run}/{tag} has no points")
    return f"{len(steps)} points, steps {steps[0]}..{steps[-1]}"


def check_images(board, run, tag):
    samples = board.ask("data/plugin/images/images", run=run, tag=tag, sample=0)
    if not samples:
        raise Missing(f"image {run}/{tag} has no pictures")
    for sample in samples:
        png = board.raw("data/plugin/images/individualImage?" + sample["query"])
        try:
            width, height = size_of_grey_png(png)
        except (ValueError, struct.error, zlib.error) as problem:
            raise Missing(f"image {run}/{tag} at step {sample['step']}: {problem}") from problem
    return f"{len(samples)} pictures, the last {width} x {height}"


def size_of_grey_png(png):
    """Width and height, after decoding: the pixels must be there and fill exactly that rectangle."""
    if png[:8] != b"\x89PNG\r\n\x1a\n":
        raise ValueError("no PNG")
    place, chunks = 8, {}
    while place < len(png):
        length, kind = struct.unpack(">I4s", png[place : place + 8])
        chunks[kind] = chunks.get(kind, b"") + png[place + 8 : place + 8 + length]
        place += length + 12
    width, height, depth, colour = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    size = len(zlib.decompress(chunks[b"IDAT"]))
    if (depth, colour) != (8, 0) or size != height * (width + 1):
        raise ValueError(f"depth {depth}, colour type {colour}, {size} bytes for {width} x {height} grey pixels")
    return width, height


def check_histograms(board, run, tag):
    samples = board.ask("data/plugin/histograms/histograms", run=run, tag=tag)
    if not samples:
        raise Missing(f"histogram {run}/{tag} is empty")
    for _, step, buckets in samples:
        if not sum(count for _, _, count in buckets) > 0 or any(left > right for left, right, _ in buckets):
            raise Missing(f"histogram {run}/{tag} at step {step} has no proper buckets")
    return f"{len(samples)} histograms, the last of {math.fsum(bucket[2] for bucket in samples[-1][2]):g} values"


def check_text(board, run, tag):
    samples = board.ask("data/plugin/text/text", run=run, tag=tag)
    if not samples or not all(sample["text"].strip() for sample in samples):
        raise Missing(f"text {run}/{tag} is empty")
    return f"{len(samples)} texts, the last of {len(samples[-1]['text'])} characters"


CHECKS = {"scalars": check_scalars, "images": check_images, "histograms": check_histograms, "text": check_text}


def check_expectation(expectation, tags, layout):
    plugin, _, rest = expectation.partition(":")
    run, _, tag = rest.partition(":")
    if plugin == "custom_scalars":
        if not layout:
            raise Missing("no layout of combined charts")
        return
    if plugin not in tags:
        raise Missing(f"EXPECT {expectation!r}: unknown plugin; use one of {', '.join([*tags, 'custom_scalars'])}")
    for found_run, found_tags in tags[plugin].items():
        if fnmatch.fnmatchcase(found_run, run or "*") and fnmatch.filter(found_tags, tag or "*"):
            return
    raise Missing(f"{expectation} is not there; {plugin} found: {tags[plugin]}")


def read_back(logdir, flags, expectations):
    with Board(logdir, flags) as board:
        board.wait_until_ready()
        runs, tags, _ = board.wait_until_loaded()
        for run in runs:
            found = [f"{plugin} {len(by_run[run])}" for plugin, by_run in tags.items() if by_run.get(run)]
            if not found:
                raise Missing(f"run {run!r} has no tags")
            print(f"  run {run}: {', '.join(found)}")
        for plugin, check in CHECKS.items():
            for run, found in sorted(tags[plugin].items()):
                for tag in found:
                    print(f"    {plugin:<11} {run}: {tag}: {check(board, run, tag)}")
        for session, settings in sorted(tags["hparams"].items()):
            print(f"    hparams     {session}: {', '.join(settings)}")
        for plugin in REQUIRED:
            if not any(tags[plugin].values()):
                raise Missing(f"no {plugin} at all")
        layout = board.ask("data/plugin/custom_scalars/layout")
        for expectation in expectations:
            check_expectation(expectation, tags, layout)


def main(arguments):
    if not arguments or arguments[0] in ("-h", "--help"):
        print(__doc__.strip())
        return 0 if arguments else 2
    logdir, *expectations = arguments
    if not os.path.isdir(logdir):
        print(f"error: {logdir} is no folder", file=sys.stderr)
        return 1
    for name, flags in LOADERS.items():
        print(f"TensorBoard, {name}:")
        try:
            read_back(logdir, flags, expectations)
        except (Missing, OSError) as problem:
            print(f"error: {name}: {problem}", file=sys.stderr)
            return 1
    print("TensorBoard shows everything")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
