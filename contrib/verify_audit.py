#!/usr/bin/env python3
"""Checks Ampoule's audit log with nothing of Ampoule's: Python's standard library, version 3.9 or later.

    verify_audit.py log EXPORT --checkpoint NOTE --key KEY
        The export, made by `ampoule audit export`, begins with exactly the entries that the signed checkpoint is of.

    verify_audit.py proof PROOF --key KEY
        The entry in the proof, made by `ampoule audit prove`, stands in the log that its signed checkpoint is of.

KEY is what `ampoule audit key` printed, kept elsewhere since. `-` stands for standard input. Exit code 0: it is so;
1: it is not, and a line on standard error says why; 2: wrong usage.

Written from the specifications alone: RFC 6962 section 2.1 (the tree), RFC 9162 section 2.1.3.2 (checking a proof),
RFC 8032 section 5.1 (Ed25519), C2SP signed-note and tlog-checkpoint. All that is checked is public, so nothing here
needs to run in constant time.
"""

import argparse
import base64
import binascii
import hashlib
import json
import sys


class Wrong(Exception):
    """What is wrong, in one line."""


# Ed25519 (RFC 8032, section 5.1). Points are in extended coordinates (X, Y, Z, T), where x = X/Z, y = Y/Z, xy = T/Z.

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
SQRT_MINUS_1 = pow(2, (P - 1) // 4, P)
NEUTRAL = (0, 1, 1, 0)


def add(p, q):
    a = (p[1] - p[0]) * (q[1] - q[0]) % P
    b = (p[1] + p[0]) * (q[1] + q[0]) % P
    c = 2 * p[3] * q[3] * D % P
    d = 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def multiply(scalar, point):
    result = NEUTRAL
    while scalar > 0:
        if scalar & 1:
            result = add(result, point)
        point = add(point, point)
        scalar >>= 1
    return result


def same(p, q):
    return (p[0] * q[2] - q[0] * p[2]) % P == 0 and (p[1] * q[2] - q[1] * p[2]) % P == 0


def recover_x(y, sign):
    """The x of a point on the curve, or None (RFC 8032, section 5.1.3)."""
    if y >= P:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if x2 == 0:
        return None if sign else 0
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P != 0:
        x = x * SQRT_MINUS_1 % P
    if (x * x - x2) % P != 0:
        return None
    return P - x if x & 1 != sign else x


def decode_point(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    x = recover_x(y, sign)
    return None if x is None else (x, y, 1, x * y % P)


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE = (recover_x(BASE_Y, 0), BASE_Y, 1, recover_x(BASE_Y, 0) * BASE_Y % P)


def is_signed(public, message, signature):
    """Whether an Ed25519 signature is one of this message by this key (RFC 8032, section 5.1.7)."""
    if len(public) != 32 or len(signature) != 64:
        return False
    a, r = decode_point(public), decode_point(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= ORDER:
        return False
    # A key of small order would accept signatures of anything.
    if same(multiply(8, a), NEUTRAL):
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % ORDER
    return same(multiply(s, BASE), add(r, multiply(h, a)))


# Notes and checkpoints (C2SP signed-note, tlog-checkpoint).

ED25519 = b"\x01"
DASH = "\u2014 "


def decode64(text, what):
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Wrong(f"{what} is not base64") from None


class Key:
    """A verifier key: NAME+ID+KEY."""

    def __init__(self, text):
        parts = text.strip().split("+", 2)
        if len(parts) != 3 or not parts[0]:
            raise Wrong("the key is not NAME+ID+KEY, as `ampoule audit key` prints it")
        data = decode64(parts[2], "the key")
        self.name, self.public = parts[0], data[1:]
        self.id = hashlib.sha256(self.name.encode() + b"\n" + ED25519 + self.public).digest()[:4]
        if data[:1] != ED25519 or len(self.public) != 32 or self.id.hex() != parts[1]:
            raise Wrong("the key is not an Ed25519 key of that name and id")


def open_note(note, key):
    """The text of a note that the key signed."""
    text, separator, signatures = note.rpartition("\n\n")
    if not separator or not signatures.endswith("\n"):
        raise Wrong("the checkpoint is not a signed note")
    text += "\n"
    for line in signatures[:-1].split("\n"):
        name, space, signature = line[len(DASH) :].partition(" ")
        if not line.startswith(DASH) or not space:
            raise Wrong("the checkpoint has a line that is no signature")
        data = decode64(signature, "a signature of the checkpoint")
        if name == key.name and data[:4] == key.id:
            if is_signed(key.public, text.encode(), data[4:]):
                return text
            raise Wrong("the signature of the checkpoint does not belong to its text")
    raise Wrong(f"the checkpoint is not signed by {key.name} with that key")


def open_checkpoint(note, key):
    """The size and root that a signed checkpoint states."""
    lines = open_note(note, key).split("\n")
    if len(lines) < 4 or lines[0] != key.name:
        raise Wrong("the note is no checkpoint of that log")
    size, root = lines[1], decode64(lines[2], "the root of the checkpoint")
    if not (size.isascii() and size.isdigit()) or str(int(size)) != size or len(root) != 32:
        raise Wrong("the checkpoint has no size and root")
    return int(size), root


# The tree (RFC 6962, section 2.1).


def leaf_hash(entry):
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """The complete subtrees of the right edge, as (leaves, hash), the largest first."""

    def __init__(self):
        self.size, self.peaks = 0, []

    def push(self, leaf):
        self.size += 1
        self.peaks.append((1, leaf))
        while len(self.peaks) > 1 and self.peaks[-1][0] == self.peaks[-2][0]:
            (leaves, right), (_, left) = self.peaks.pop(), self.peaks.pop()
            self.peaks.append((2 * leaves, node_hash(left, right)))

    def root(self):
        if not self.peaks:
            return hashlib.sha256(b"").digest()
        root = self.peaks[-1][1]
        for _, left in reversed(self.peaks[:-1]):
            root = node_hash(left, root)
        return root


def root_of_proof(leaf, index, size, hashes):
    """Where the hashes lead from a leaf (RFC 9162, section 2.1.3.2)."""
    if index >= size:
        raise Wrong(f"entry {index} is newer than the checkpoint, which is of {size} entries")
    fn, sn, root = index, size - 1, leaf
    for sibling in hashes:
        if sn == 0:
            raise Wrong("the proof is too long")
        if fn & 1 or fn == sn:
            root = node_hash(sibling, root)
            while not fn & 1 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            root = node_hash(root, sibling)
        fn, sn = fn >> 1, sn >> 1
    if sn != 0:
        raise Wrong("the proof is too short")
    return root


# What the exports hold.


def parse(text, what):
    try:
        value = json.loads(text)
    except ValueError:
        raise Wrong(f"{what} is not JSON") from None
    if not isinstance(value, dict):
        raise Wrong(f"{what} is not a JSON object")
    return value


def entry_bytes(item, what):
    entry, index = item.get("entry"), item.get("index")
    if not isinstance(entry, str) or type(index) is not int:
        raise Wrong(f"{what} has no index and entry")
    try:
        return index, entry.encode()
    except UnicodeEncodeError:
        raise Wrong(f"{what} is not text") from None


def check_log(lines, note, key):
    """Checks an export against a checkpoint; the numbers of entries that it covers, and that come after."""
    size, root = open_checkpoint(note, key)
    tree, after = Tree(), 0
    for number, line in enumerate(lines):
        what = f"line {number + 1}"
        index, entry = entry_bytes(parse(line, what), what)
        if index != number:
            raise Wrong(f"{what} holds entry {index} in the place of entry {number}")
        if number < size:
            tree.push(leaf_hash(entry))
        else:
            after += 1
    if tree.size < size:
        raise Wrong(f"the export ends before entry {tree.size}, the checkpoint is of {size} entries")
    if tree.root() != root:
        raise Wrong(f"the first {size} entries are not those that the checkpoint was signed for")
    return size, after


def check_proof(text, key):
    """Checks a proof; the entry's index, and the size of the log that it is in."""
    proof = parse(text, "the proof")
    index, entry = entry_bytes(proof, "the proof")
    hashes, note = proof.get("hashes"), proof.get("checkpoint")
    if not isinstance(hashes, list) or not isinstance(note, str) or not all(isinstance(h, str) for h in hashes):
        raise Wrong("the proof has no hashes and checkpoint")
    size, root = open_checkpoint(note, key)
    if root_of_proof(leaf_hash(entry), index, size, [decode64(h, "a hash of the proof") for h in hashes]) != root:
        raise Wrong("the proof does not lead from the entry to the root of the checkpoint")
    return index, size


def read(path):
    if path == "-":
        return sys.stdin.buffer.read().decode()
    with open(path, encoding="utf-8", newline="") as file:
        return file.read()


def lines_of(path):
    file = sys.stdin.buffer if path == "-" else open(path, "rb")
    with file:
        yield from file


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Checks an audit log of Ampoule without Ampoule.")
    commands = parser.add_subparsers(dest="command", required=True)
    log = commands.add_parser("log", help="check an export against a checkpoint")
    log.add_argument("export", help="the file of `ampoule audit export`")
    log.add_argument("--checkpoint", required=True, help="the file of `ampoule audit checkpoint`")
    proof = commands.add_parser("proof", help="check the proof of one entry")
    proof.add_argument("proof", help="the file of `ampoule audit prove`")
    for command in (log, proof):
        command.add_argument("--key", required=True, help="what `ampoule audit key` printed")
    options = parser.parse_args(arguments)
    try:
        key = Key(options.key)
        if options.command == "log":
            size, after = check_log(lines_of(options.export), read(options.checkpoint), key)
            print(f"ok: {size} entries are those of the signed checkpoint, {after} are newer")
        else:
            index, size = check_proof(read(options.proof), key)
            print(f"ok: entry {index} is in the log of the signed checkpoint, which is of {size} entries")
    except (Wrong, OSError, UnicodeDecodeError) as error:
        print(f"wrong: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
