#!/usr/bin/env python3
"""Checks an audit bundle of Redoubt, as appliance/audit/FORMAT.md describes it, and says what that proves.

    verify_bundle.py BUNDLE [--trust FILE] [--state FILE] [--nonce HEX] [--json]

It shares no line with `redoubt audit verify`: two programs written from one text, so that a fault of one does not hide
in the other. It needs Python 3.9 and `ssh-keygen`, opens no connection, unpacks nothing and writes only the state file.
Read it from top to bottom: files, signatures, tree, forms, views, then the checks in their order; the first thing that
is wrong ends them. Exit: 0 VERIFIED, 1 INVALID, 2 DIVERGED, 3 UNANCHORED, 4 STALE, 64 no verdict is possible here.
"""
import argparse, base64, datetime, functools, hashlib, itertools, json, mmap, os, pathlib, re, stat, struct, subprocess
import sys, tarfile, tempfile

EXITS = {"VERIFIED": 0, "INVALID": 1, "DIVERGED": 2, "UNANCHORED": 3, "STALE": 4}
RECORD, VIEW_LINE, NOTE, FILE, FILES, PER_FILE = 16_384, 131_072, 65_536, 1 << 26, 1_000_000, 10_000
VIEWS = ("siem/ocsf.jsonl", "siem/cef.log", "siem/rfc5424.log")
ALWAYS = {"bundle.json", "checkpoint", "keys/chain.jsonl", "keys/allowed_signers", "VERIFY.txt", *VIEWS}
NAMESPACE, PIN = "audit-bundle@redoubt", 'redoubt cert-authority,namespaces="audit-bundle@redoubt" ssh-ed25519 '

class Wrong(Exception):
    """Something in the bundle is not as the format says: the verdict is INVALID. (file, why, number of the record)"""

def need(condition, file, why, seq=None):
    if not condition:
        raise Wrong(file, why, seq)

# ------------------------------------------------------ files: of a folder, or of a tar archive, which is not unpacked
class Files:
    """`places`: where the bytes of each file are (path, first byte, number). They are read in place, and never all."""
    def __init__(self, path):
        found = list(itertools.islice(of_folder(path) if os.path.isdir(path) else of_archive(path), FILES + 1))
        for name, place in found:
            allowed = re.fullmatch(r"[A-Za-z0-9._/-]{1,255}", name) and not {"", ".", ".."} & set(name.split("/"))
            need(allowed and place, ascii(name)[:300], "its name is not allowed, or it is no regular file")
        same = len(found) - len({name.lower() for name, _ in found})
        need(not same and len(found) <= FILES, None, "two names are one but for case, or there are too many files")
        self.places, self.names = dict(found), {name for name, _ in found}

    def mapped(self, name):
        need(name in self.places, name, "the file is missing")
        path, at, size = self.places[name]
        with open(path, "rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b"", at, at + size

    def sum(self, name):
        data, at, end = self.mapped(name)
        return hashlib.sha256(memoryview(data)[at:end]).hexdigest()

    def read(self, name):
        data, at, end = self.mapped(name)
        need(end - at <= FILE, name, f"longer than {FILE} bytes")
        return data[at:end]

    def lines(self, name, limit=2 * NOTE):
        """The lines, without the 0x0A that ends each; split at nothing else."""
        data, at, end = self.mapped(name)
        while at < end:
            stop = data.find(b"\n", at, min(at + limit + 1, end))
            need(stop >= 0, name, f"a line is longer than {limit} bytes, or not ended by 0x0A")
            yield data[at:stop]
            at = stop + 1

def of_folder(top):
    """(name, place) of each file; no place for what is neither a regular file nor a folder, such as a link."""
    for folder, folders, names in os.walk(top):
        for path in (os.path.join(folder, name) for name in folders + names):
            found, name = os.lstat(path), os.path.relpath(path, top).replace(os.sep, "/")
            if not stat.S_ISDIR(found.st_mode):
                yield name, (path, 0, found.st_size) if stat.S_ISREG(found.st_mode) else None

def of_archive(path):
    """The same. A member of plain ustar has one block before its bytes; with an extension it has more."""
    try:
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                at, plain = member.offset_data, member.type in (b"0", b"\0") and not archive.pax_headers
                yield member.name, (path, at, member.size) if plain and at - member.offset == 512 else None
    except (tarfile.TarError, ValueError, OverflowError, EOFError):
        raise Wrong(None, "no POSIX ustar archive (compressed ones are refused)") from None

# ------------------------------------------------------------------------- Ed25519, RFC 8032 section 5.1, verification
P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D, HALF_TURN, BASE = -121665 * pow(121666, -1, P) % P, pow(2, (P - 1) // 4, P), bytes.fromhex("58" + "66" * 31)

def add(p, q):
    """The sum of two points in extended coordinates (section 5.1.4)."""
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = p[3] * q[3] * 2 * D % P, p[2] * q[2] * 2
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P

@functools.lru_cache(maxsize=8)
def multiples(encoded):
    """Row i has 0 to 15 times 16^i times the point of 32 bytes (section 5.1.3); no rows for any other spelling."""
    y, rows = int.from_bytes(encoded, "little") & (1 << 255) - 1, []
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if x * x % P == square else x * HALF_TURN % P
    x = x if x & 1 == encoded[31] >> 7 else P - x
    base = x, y, 1, x * y % P
    for _ in range(64 if y < P and x < P and x * x % P == square else 0):
        rows.append(list(itertools.accumulate([base] * 15, add, initial=(0, 1, 1, 0))))
        base = add(rows[-1][15], base)
    return rows

def times(encoded, factor):
    return functools.reduce(add, (row[factor >> 4 * i & 15] for i, row in enumerate(multiples(encoded))))

def signed(key, message, signature):
    """Section 5.1.7 without the cofactor: [S]B - [k]A encodes as R, byte for byte; S is below L."""
    s, k = int.from_bytes(signature[32:], "little"), hashlib.sha512(signature[:32] + key + message).digest()
    if len(key) != 32 or len(signature) != 64 or s >= L or not multiples(key):
        return False
    x, y, z, t = times(key, int.from_bytes(k, "little") % L)
    x, y, z, _ = add(times(BASE, s), (-x, y, z, -t))
    x, y = x * pow(z, -1, P) % P, y * pow(z, -1, P) % P
    return (y | (x & 1) << 255).to_bytes(32, "little") == signature[:32]

# -------------------------------------------------------------------------- keys, certificates, checkpoints, the tree
def base_64(value):
    return base64.b64encode(value).decode()

def unbase64(text, size=None):
    """The `size` bytes (None: any number) that canonical base64 says; nothing for any other text."""
    said = base64.b64decode(text) if re.fullmatch("[A-Za-z0-9+/]*={0,2}", text) and len(text) % 4 == 0 else b""
    return said if base_64(said) == text and size in (None, len(said)) else b""

def field(value):
    """A string of RFC 4251: its length in 4 bytes, then its bytes."""
    return struct.pack(">I", len(value)) + value

def ssh(value):
    """A public key or a signature, as OpenSSH writes both."""
    return field(b"ssh-ed25519") + field(value)

def roots(lines):
    """The root keys that lines of `allowed_signers` pin for bundles; other lines are passed over."""
    blobs = map(unbase64, re.findall(rf"(?m)^{PIN}([A-Za-z0-9+/=]+)(?=\s|$)", lines))
    return {blob[-32:] for blob in blobs if blob == ssh(blob[-32:])}

def certified(blob, origin, epoch):
    """(key, root, end) of an epoch's certificate. All else is known beforehand; so it is written anew and compared."""
    kind = field(b"ssh-ed25519-cert-v01@openssh.com")
    nonce, key = blob[len(kind) + 4:][:32], blob[len(kind) + 40:][:32]
    end, root, signature = int.from_bytes(blob[-162:-154], "big"), blob[-119:-87], blob[-64:]
    body = kind + field(nonce) + field(key) + struct.pack(">QI", epoch, 1) + field(f"{origin} epoch {epoch}".encode())
    body += field(field(b"redoubt")) + struct.pack(">QQ", 0, end) + 3 * field(b"") + field(ssh(root))
    genuine = blob == body + field(ssh(signature)) and end < 2**64 - 1 and signed(root, body, signature)
    return (key, root, end) if genuine else (b"", b"", 0)

def opened(note, origin, key):
    """(size, root) of a checkpoint that `key` signed, else (0, nothing) (C2SP signed-note, tlog-checkpoint)."""
    form = "([^\n]+)\n([1-9][0-9]{0,15})\n([^\n]+)\n\n((?:\u2014 [^\\s+]+ \\S+\n){1,100})"
    said = re.fullmatch(form, note) if len(note) <= NOTE and not re.search("[\0-\x09\x0b-\x1f\x7f-\x9f]", note) else None
    pairs = [(name, unbase64(value)) for name, value in re.findall("(\\S+) (\\S+)\n", said[4])] if said else []
    key_id, text = hashlib.sha256(origin.encode() + b"\n\x01" + key).digest()[:4], note.partition("\n\n")[0] + "\n"
    ours = [signed(key, text.encode(), value[4:]) for name, value in pairs if (name, value[:4]) == (origin, key_id)]
    genuine = ours and all(ours) and all(len(value) > 4 for _, value in pairs) and said[1] == origin
    return (int(said[2]), unbase64(said[3], 32)) if genuine and unbase64(said[3], 32) else (0, b"")

def node(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()

def subtree(hashes):
    """The root of a complete tree: of a power of two of hashes."""
    while len(hashes) > 1:
        hashes = list(map(node, hashes[::2], hashes[1::2]))
    return hashes[0]

def grown(old, new, path, old_root, whole=True):
    """The roots of `old` and `new` leaves by a consistency proof (RFC 6962 section 2.1.2), whose end is used up."""
    if old == new:
        return (old_root if whole else path.pop(),) * 2
    half, last = 1 << (new - 1).bit_length() - 1, path.pop()
    if old <= half:
        before, after = grown(old, half, path, old_root, whole)
        return before, node(after, last)
    before, after = grown(old - half, new - half, path, old_root, False)
    return node(last, before), node(last, after)

# ----------------------------------------------------------------------------------- JSON, and the forms of its objects
def ordered(pairs):
    """An object whose names rise by UTF-16 code units; so none stands twice."""
    names = [name.encode("utf-16-be", "surrogatepass") for name, _ in pairs]
    if names != sorted(set(names)):
        raise ValueError
    return dict(pairs)

PARSE = json.JSONDecoder(object_pairs_hook=ordered).decode
WRITE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode

def parsed(line, form, parse=PARSE):
    """What a line says: an object of this form (none allows null, or a fraction) in the spelling of RFC 8785; or {}."""
    try:
        value = parse(line.decode())
        return value if form(value) and (parse != PARSE or WRITE(value).encode() == line) else {}
    except (ValueError, RecursionError):
        return {}

def milliseconds(time):
    """Of a record's time, since 1970; None for what is no such time."""
    try:
        moment = datetime.datetime.fromisoformat(time[:-1])
        return (moment - START) // MS if f"{moment.isoformat(timespec='microseconds')}Z" == time else None
    except (ValueError, TypeError):
        return None

def shape(optional="", **forms):
    """The form of an object with these names, of which the optional ones may be absent, and no others."""
    needed = forms.keys() - optional.split()
    return lambda value: type(value) is dict and needed <= value.keys() <= forms.keys() and all(
        [forms[name](inner) for name, inner in value.items()])

def like(pattern):
    return lambda value: type(value) is str and re.fullmatch(pattern, value) is not None

START, MS = datetime.datetime(1970, 1, 1), datetime.timedelta(milliseconds=1)
text, count = (lambda v: type(v) is str), (lambda v: type(v) is int and 0 <= v < 2**53)
texts, word = (lambda v: type(v) is list and all(map(text, v))), like("[a-z0-9_.]+")
detail = lambda v: type(v) in (str, bool) or type(v) is int and abs(v) < 2**53 or texts(v)
COMMON = dict(v=lambda v: type(v) is int and v == 1, origin=like(r"redoubt/[^\s+]+"))
STAMPED = dict(**COMMON, time=lambda v: milliseconds(v) is not None, sw=text)
RECORD_FORM = shape(
    "reason src obj req model d", **STAMPED, seq=count, mono=count, boot=text, cat=word, act=word, reason=text, req=text,
    outcome=like("ok|deny|error"), d=lambda v: type(v) is dict and all(map(detail, v.values())),
    actor=shape("uid name roles sess", uid=text, name=text, roles=texts, sess=text), obj=shape("owner", type=text, id=text,
    owner=text), src=shape("tls ua_sha", ip=text, port=count, tls=text, ua_sha=text), model=shape(id=text, sha256=text))
NOTE_FORM, EPOCH_FORM = shape(note=text), shape(certificate=text, epoch=count)
BUNDLE_FORM = shape("nonce previous", **STAMPED, **{"from": count}, to=count, size=count, export=count,
                    nonce=like("[0-9A-Fa-f]+"), previous=NOTE_FORM)
STATE_FORM = shape(**COMMON, root_key=text, size=count, root=text, export=count)

# ----------------------------------------------------------------------------------------------------------- the views
CLASSES = {"auth": 3002, "account": 3001, "rights": 3003}
ACTIVITIES = {
    3001: dict(create=1, issue=1, enrol=1, enable=2, unlock=2, password=3, reset=4, disable=5, delete=6, revoke=6),
    3002: dict(password=1, certificate=1, totp=1, recovery_code=1, unlock=1, proof=1, logout=2, expired=2, revoked=2,
               lock=2), 3003: dict(create=1, update=1, workspace=1, member=2),
    6003: dict(create=1, start=1, issue=1, open=2, read=2, search=2, export=2, update=3, end=3, delete=4)}
OUTCOMES = {"ok": (1, 3, 110, "Success"), "deny": (2, 6, 108, "Failure"), "error": (3, 8, 107, "Failure")}
PARAMETERS = "seq leaf cat outcome reason uid name sess ip port type id owner req model boot sw d".split()
EXTENSION = dict(
    ms="rt", seq="externalId", cat="cat", outcome="outcome", reason="reason", uid="suid", name="suser", ip="src",
    port="spt", leaf="cs1Label=leaf cs1", object="cs2Label=object cs2", sess="cs3Label=session cs3",
    d="cs4Label=data cs4", req="cs5Label=request cs5", origin="cs6Label=log cs6")

def plain(value):
    """The text as it may stand in a line."""
    if value.isprintable() and "\\" not in value:
        return value
    return re.sub("[\\\\\0-\x1f\x7f-\x9f\u2028\u2029]",
                  lambda found: "\\\\" if found[0] == "\\" else f"\\u{ord(found[0]):04x}", value)

def escaped(values, marks):
    """Plain texts with a backslash before each backslash and mark; all at once, since none of them has a line's end."""
    joined = "\n".join(values)
    for mark in "\\" + marks:
        joined = joined.replace(mark, "\\" + mark)
    return joined.split("\n")

def present(**values):
    return {name: value for name, value in values.items() if value is not None}

def lines_of_views(r, leaf):
    """The lines of the three views. All names of a record's inner objects differ, so they can stand side by side."""
    flat = {**r, **r["actor"], **r.get("src", {}), **r.get("obj", {}), "leaf": leaf, "ms": milliseconds(r["time"])}
    yield ocsf(r, flat, flat.get)
    flat["model"], flat["d"] = r.get("model", {}).get("id"), WRITE(r["d"]) if r.get("d") else None
    flat["object"] = f"{flat['type']} {flat['id']}" if "obj" in r else None
    line = {name: plain(str(flat[name])) for name in (*EXTENSION, *PARAMETERS) if flat.get(name) is not None}
    names, (_, severity, priority, _) = [name for name in EXTENSION if name in line], OUTCOMES[r["outcome"]]
    values = escaped([line[name] for name in names], "=")
    sw, act = escaped((line["sw"], r["act"]), "|")
    pairs = " ".join([f"{EXTENSION[name]}={value}" for name, value in zip(names, values)])
    yield f"CEF:0|Redoubt|Redoubt|{sw}|{act}|{act}|{severity}|{pairs}"
    names = [name for name in PARAMETERS if name in line]
    pairs = " ".join([f'{name}="{value}"' for name, value in zip(names, escaped([line[name] for name in names], '"]'))])
    yield f"<{priority}>1 {r['time']} {r['origin'][8:]} redoubt - {r['act']} [redoubt@32473 {pairs}]"

def ocsf(r, flat, get):
    """An event of OCSF 1.3.0; names are written in their canonical order."""
    kind = CLASSES.get(r["cat"], 6003)
    other, activity = kind == 6003, ACTIVITIES[kind].get(r["act"].rpartition(".")[2], 99)
    user, (severity, _, _, status) = present(name=get("name"), uid=get("uid")), OUTCOMES[r["outcome"]]
    return WRITE(present(
        activity_id=activity, activity_name=r["act"] if activity == 99 else None,
        actor=present(session={"uid": flat["sess"]} if "sess" in flat else None, user=user or None),
        api=present(operation=r["act"], request={"uid": r["req"]} if "req" in r else None) if other else None,
        category_uid=kind // 1000, class_uid=kind, metadata=dict(
            event_code=r["act"], log_name=r["origin"], product=dict(name="Redoubt", vendor_name="Redoubt", version=r["sw"]),
            sequence=r["seq"], uid=flat["leaf"], version="1.3.0"), resources=None if "obj" not in r else [
                present(owner={"uid": flat["owner"]} if "owner" in flat else None, type=flat["type"], uid=flat["id"])],
        severity_id=severity, src_endpoint=dict(ip=r["src"]["ip"], port=r["src"]["port"]) if "src" in r else
        {} if other else None, status=status, status_detail=get("reason"), status_id=1 if status == "Success" else 2,
        time=flat["ms"], type_uid=100 * kind + activity, unmapped=present(
            boot=r["boot"], cat=r["cat"], d=get("d"), model=get("model"), mono=r["mono"], outcome=r["outcome"],
            roles=get("roles"), tls=get("tls"), ua_sha=get("ua_sha")), user=None if other else user))

# ----------------------------------------------------------------------------------------------- the checks, in order
class Check:
    """One bundle. Each check proves the sentence that documents it or raises `Wrong`; the next one builds on it."""
    def __init__(self, path, pins, state):
        self.path, self.pins, self.state, self.b, self.newest_root = path, pins, state, {}, b""

    def manifest(self):
        """Every file is the one that MANIFEST names, there are no others, and no links."""
        files = self.files = Files(self.path)
        lines = [line.decode("latin-1") for line in files.lines("MANIFEST")]
        names = [line[66:] for line in lines]
        need(names == sorted(set(names)), "MANIFEST", "the names are not in order, or one stands twice")
        odd = files.names ^ {*names, "MANIFEST", "MANIFEST.sig", "MANIFEST.ed25519"}
        need(not odd, min(odd, default=None), "the file is missing, or MANIFEST does not name it")
        for name, line in zip(names, lines):
            need(line == f"{files.sum(name)}  {name}", name, "its SHA-256 is not the one in MANIFEST")

    def description(self):
        """bundle.json is in its form, and so are the names of all files."""
        lines, names, size = list(self.files.lines("bundle.json")), self.files.names, r"[1-9]\d{0,15}"
        b = self.b = parsed(lines[0], BUNDLE_FORM) if len(lines) == 1 else {}
        need(b and b["from"] <= b["to"] <= b["size"] > b["from"] and b["export"] > ("previous" in b) == (b["export"] > 1),
             "bundle.json", "not in its form")
        need(not self.state or self.state["origin"] == b["origin"], "bundle.json", "of another log than the state file")
        rule = rf"(records|checkpoints)/\d{{8}}\.jsonl|tile/\d/(x\d{{3}}/)*\d{{3}}(\.p/\d+)?|proof/consistency-{size}-{b['size']}"
        odd = [name for name in names if not re.fullmatch(rule, name)]
        odd = ALWAYS.symmetric_difference(odd) - {"MANIFEST", "MANIFEST.sig", "MANIFEST.ed25519"}
        need(not odd, min(odd, default=None), "the file is missing, or it is none of a bundle")
        self.proof_of = {int(name.split("-")[1]): name for name in names if name.startswith("proof/")}

    def chain(self):
        """The pinned root certified the key of every epoch, each for its own number; the newest was valid."""
        name, self.keys, pins = "keys/chain.jsonl", {}, self.pins
        pins = pins or roots(self.files.read("keys/allowed_signers").decode("latin-1"))
        for line in self.files.lines(name):
            entry = parsed(line, EPOCH_FORM) or {"certificate": "", "epoch": 0}
            blob, epoch = unbase64(entry["certificate"]), entry["epoch"]
            key, root, end = certified(blob, self.b["origin"], epoch)
            need(root in pins and epoch - 1 in (self.keys or [epoch - 1]), name, f"epoch {epoch}: not the root's, or not next")
            self.keys[epoch], pins = key, {root}
        need(self.keys and milliseconds(self.b["time"]) < 1000 * end, name, "empty, or the newest certificate had ended")
        self.root_key, self.epoch, self.key, self.certificate = root, epoch, key, blob

    def signature(self):
        """The newest epoch's key signed MANIFEST, twice, and ssh-keygen says so too."""
        manifest, armour = self.files.read("MANIFEST"), self.files.read("MANIFEST.sig")
        blob = unbase64(b"".join(armour.split(b"\n")[1:-2]).decode("latin-1"))
        head = b"SSHSIG\0\0\0\1" + field(self.certificate) + field(NAMESPACE.encode())
        need(blob.startswith(head), "MANIFEST.sig", "not a signature for bundles with the newest epoch's certificate")
        genuine = signed(self.key, manifest, self.files.read("MANIFEST.ed25519"))
        need(genuine, "MANIFEST.ed25519", "not the signature of MANIFEST by the newest epoch's key")
        with tempfile.TemporaryDirectory() as folder:
            signature, signers = pathlib.Path(folder, "MANIFEST.sig"), pathlib.Path(folder, "allowed_signers")
            signature.write_bytes(armour)
            signers.write_text(PIN + base_64(ssh(self.root_key)) + "\n")
            time = "verify-time=" + re.sub("[^0-9]", "", self.b["time"])[:14]
            ended = subprocess.run(["ssh-keygen", "-Y", "verify", "-f", signers, "-I", "redoubt", "-n", NAMESPACE, "-s",
                signature, "-O", time], input=manifest, capture_output=True, env={**os.environ, "TZ": "UTC"})
        need(ended.returncode != 255, "MANIFEST.sig", "ssh-keygen does not accept it as the signature of MANIFEST")
        if ended.returncode:
            raise EnvironmentError(f"ssh-keygen of OpenSSH 8.9 or newer is needed: {ended.stderr.decode('latin-1')}")

    @functools.lru_cache(maxsize=64)
    def tile(self, level, index):
        """The hashes of a tile; those of a full one lead to the tile above, and so, with `tree`, to the root."""
        width, digits = min(256, (self.b["size"] >> 8 * level) - 256 * index), str(index)
        *groups, last = re.findall("...", digits.zfill(-(-len(digits) // 3) * 3))
        name = "/".join(["tile", str(level), *("x" + group for group in groups), last]) + (width < 256) * f".p/{width}"
        data = self.files.read(name)
        hashes = [data[i:i + 32] for i in range(0, len(data), 32)]
        need(len(data) == 32 * width, name, f"not {width} hashes")
        above = self.tile(level + 1, index >> 8)[index & 255] if width == 256 else None
        need(not above or above == subtree(hashes), name, "not the hashes of which the tile above has the hash")
        return hashes

    def root(self, size):
        """The root of the first `size` records: the complete subtrees in the tiles, joined from the right."""
        subtrees = []
        for power in (power for power in range(53) if size >> power & 1):
            first = (size >> power) - 1 << power % 8
            subtrees.append(subtree(self.tile(power // 8, first >> 8)[first & 255:][:1 << power % 8]))
        return functools.reduce(lambda right, left: node(left, right), subtrees)

    def tree(self):
        """The tiles make one tree; the newest checkpoint, by the newest epoch's key, has its root."""
        self.newest, size = self.files.read("checkpoint").decode("latin-1"), self.b["size"]
        self.newest, self.newest_root = self.files.read("checkpoint").decode("utf-8", "replace"), self.root(size)
        found = opened(self.newest, self.b["origin"], self.key)
        need(found == (size, self.newest_root), "checkpoint", "not of the tiles' size and root, or by another key")
        for level in range(1, 7):
            for index in range((size >> 8 * level) + 255 >> 8):
                self.tile(level, index)

    def checkpoints(self):
        """Every checkpoint is by its epoch's key, and its root is that of the tiles or of a proof."""
        b, self.known = self.b, {0: (min(self.keys), b"", "")}
        for name in (name for name in sorted(self.files.names) if name.startswith("checkpoints/")):
            for line in self.files.lines(name):
                note, epoch = parsed(line, NOTE_FORM).get("note", ""), int(name[12:20])
                size, root = opened(note, b["origin"], self.keys.get(epoch, b""))
                need(max(self.known) < size <= b["size"], name, "a line is no later checkpoint by the key of that epoch")
                shown = self.root(size) == root if b["from"] < size <= b["to"] else size in (b["size"], *self.proof_of)
                need(shown, name, f"the root of the checkpoint of {size} records is wrong, or nothing shows it")
                self.known[size] = epoch, root, note
        newest = self.epoch, self.newest_root, self.newest
        need(self.known.setdefault(b["size"], newest) == newest, "checkpoint", "not the one of its size in checkpoints/")
        del self.known[0]
        need(self.known[min(self.known)][0] == min(self.keys), "keys/chain.jsonl", "not from the oldest checkpoint's epoch")
        notes = [{"note": self.known[size][2]} for size in self.proof_of if size in self.known]
        need(b.get("previous") in [None, *notes], "bundle.json", "the previous one is not in checkpoints/, or has no proof")

    def records(self):
        """Every record is in its form and place, and not before the one before it; epochs end as they should; the views
        say the same; the last record is that of this export."""
        b, last, views = self.b, "", [self.files.lines(name, VIEW_LINE) for name in VIEWS]
        epoch = self.known[min(size for size in self.known if size > b["from"])][0] if b["from"] else 0
        seqs = itertools.chain(range(b["from"], b["to"]), range(max(b["to"], b["size"] - 1), b["size"]))
        for name, line in ((name, line) for name in sorted(self.files.names) if name.startswith("records/")
                           for line in self.files.lines(name, RECORD)):
            seq, r, leaf = next(seqs, -1), parsed(line, RECORD_FORM), hashlib.sha256(b"\0" + line)
            need(r and r["seq"] == seq and r["origin"] == b["origin"], name, "not the log's next record in its form", seq)
            need(self.tile(0, seq >> 8)[seq & 255] == leaf.digest(), name, "its leaf is not the one in the tree", seq)
            if seq > b["to"]:  # those between are not here
                last, now = "", [self.known[size][0] for size in self.known if size > b["to"]]
                epoch = self.epoch if min(now) >= epoch else -1
            need(r["time"] >= last or r["act"] == "system.clock_step", name, "time goes back", seq)
            d, last, ends = r.get("d", {}), r["time"], r["act"] == "key.rotate"
            of, root, _ = self.known.get(seq) or (d.get("epoch"), self.root(seq) if seq == b["from"] > 0 else b"", "")
            said = r["act"] != "checkpoint" or [d.get("size"), d.get("epoch"), d.get("root")] == [seq, of, base_64(root)]
            need(said, name, "the checkpoint that it describes is not there, or another one", seq)
            need(self.known.get(seq + 1, [None if ends else epoch])[0] == epoch, name, "of another epoch than the checkpoint after it", seq)
            said = not ends or [d.get("epoch"), d.get("next"), d.get("next_key")] == [epoch, epoch + 1, base_64(self.keys.get(epoch + 1, b""))]
            need(said, name, "does not end the present epoch", seq)
            epoch += ends
            for view, other, expected in zip(VIEWS, views, lines_of_views(r, leaf.hexdigest())):
                need(next(other, None) == expected.encode(), view, "not what the record gives", seq)
        need(next(seqs, None) is None, "records", "too few records")
        need(not any(next(other, None) is not None for other in views), "siem", "more lines than records")
        said = [r["act"], d.get("export"), d.get("from"), d.get("to", b["size"]), d.get("nonce"), last]
        need(said == ["audit.export", b["export"], b["from"], b["to"], b.get("nonce"), b["time"]], name, "the last record is not that of this export", seq)

    def proofs(self):
        """Every proof leads from its older log to the newest checkpoint."""
        self.shown, size = {self.b["size"]: self.newest_root}, self.b["size"]
        for old, name in self.proof_of.items():
            head, _, note = self.files.read(name).decode("utf-8", "replace").partition("\n\n")
            first, *path = head.split("\n")
            path, root = [unbase64(line, 32) for line in path], self.known.get(old, (0, b"", ""))[1]
            form = first == f"old {old}" and note == self.newest and b"" not in path and old < size and root
            need(form, name, "not in the form of a proof, or its older checkpoint is missing")
            try:
                proven = grown(old, size, path, root) == (root, self.newest_root) and not path
            except IndexError:
                proven = False
            need(proven, name, "it does not lead from its older log to the newest checkpoint")
            self.shown[old] = root

    def verdict(self, nonce):
        """What the auditor knew before decides between the verdicts on a bundle that is right in itself."""
        b, state = self.b, self.state or {"size": 0, "export": 0, "root": ""}
        if b.get("nonce") != nonce if nonce else b["export"] < state["export"]:
            return "STALE"
        m, anchor = state["size"], unbase64(state["root"])
        root = self.root(m) if b["from"] < m <= b["to"] else self.shown.get(m, anchor)
        if m > b["size"] or m and root != anchor:
            return "DIVERGED"
        return "VERIFIED" if b["from"] < m <= b["to"] or m in self.shown else "UNANCHORED"

# ------------------------------------------------------------------------------------------------------ the command line
def judged(options):
    """The result, as --json prints it."""
    path = pathlib.Path(options.state) if options.state else None
    state = parsed(path.read_bytes(), STATE_FORM, json.loads) if path and path.exists() else None
    sources = [pathlib.Path(options.trust).read_text(encoding="latin-1")] if options.trust else []
    sources += [PIN + state.get("root_key", "")[12:]] if state is not None else []
    pins = set.intersection(*map(roots, sources)) if sources else None
    if sources and not pins:
        raise EnvironmentError(f"no line `{PIN}…` in the trust file, or a state file that is none, or of another root")
    check, proved, findings = Check(options.bundle, pins, state), [], []
    checks = [Check.manifest, Check.description, Check.chain, Check.signature, Check.tree, Check.checkpoints, Check.records, Check.proofs]
    try:
        for step in checks:
            step(check)
            proved.append(step.__doc__)
    except Wrong as wrong:
        findings = [dict(zip(("file", "why", "seq"), wrong.args))]
    verdict, b = "INVALID" if findings else check.verdict(options.nonce), check.b
    if path and (verdict == "VERIFIED" or verdict == "UNANCHORED" and pins and not state):
        new = path.with_name(path.name + ".new")
        new.write_text(WRITE(dict(v=1, origin=b["origin"], root_key=PIN[-12:] + base_64(ssh(check.root_key)), size=b["size"],
                                  root=base_64(check.newest_root), export=max(b["export"], (state or b)["export"]))) + "\n")
        os.replace(new, path)
    unproved = [f"Not reached: {step.__doc__}" for step in checks[len(proved):]]
    unproved += [] if pins else ["Whose bundle this is: the bundle's own root was believed (--trust)."]
    unproved += [] if verdict not in ("UNANCHORED", "INVALID") else ["That this log goes on from one seen before (--state)."]
    unproved += [] if options.nonce else ["That the bundle was made for this check (--nonce)."]
    unproved += ["That what happened was recorded: this is a check of what was recorded."]
    return dict(verdict=verdict, origin=b.get("origin"), size=b.get("size"), root=base_64(check.newest_root) or None,
                checked=proved, not_checked=unproved, findings=findings)

def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.error = lambda message: parser.exit(64, f"{parser.prog}: {message}\n{parser.format_usage()}")
    parser.add_argument("bundle", metavar="BUNDLE", help="a folder or a tar archive")
    parser.add_argument("--trust", metavar="FILE", help="allowed_signers lines with the pinned root")
    parser.add_argument("--state", metavar="FILE", help="what the last check proved; written after this one")
    parser.add_argument("--nonce", metavar="HEX", help="what the bundle was asked for with")
    parser.add_argument("--json", action="store_true", help="the result as one JSON object")
    options = parser.parse_args()
    try:
        result = judged(options)
    except EnvironmentError as error:
        parser.error(str(error))
    if options.json:
        print(json.dumps(result))
    else:
        print("{verdict}  {origin}  {size} records  root {root}".format(**result))
        for title, said in (("Proved", result["checked"]), ("Not proved", result["not_checked"]), ("Findings", result["findings"])):
            print("\n".join(["", title + ":", *(f"  - {line}" for line in said)]))
    return EXITS[result["verdict"]]

if __name__ == "__main__":
    sys.exit(main())
