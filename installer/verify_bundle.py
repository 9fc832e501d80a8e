#!/usr/bin/env python3
"""Checks an audit bundle of Redoubt, as appliance/audit/FORMAT.md describes it, and says what that proves.
--trust has `allowed_signers` lines with the pinned root, --state what the last check proved (it is written). No line is
shared with `redoubt audit verify`: a fault of one program is to show in the other. Needs Python 3.9 and `ssh-keygen`;
opens no connection. The first thing that is wrong ends it. Keep the bundle where nobody writes while it is read."""
import argparse, base64, datetime, functools, hashlib, itertools, json, os, pathlib, re, stat, struct, subprocess
import sys, tarfile, tempfile

EXITS, USTAR = {"VERIFIED": 0, "INVALID": 1, "DIVERGED": 2, "UNANCHORED": 3, "STALE": 4}, rb"[0\0].{100}ustar\x0000"
RECORD, VIEW_LINE, NOTE, FILE, FILES = 16_384, 131_072, 65_536, 1 << 26, 1_000_000
LONG, VIEWS = ("records/", "siem/"), ("siem/ocsf.jsonl", "siem/cef.log", "siem/rfc5424.log")
ALWAYS = {"bundle.json", "checkpoint", "keys/chain.jsonl", PINNED := "keys/allowed_signers", "VERIFY.txt", *VIEWS}
SIGNED, NAME = {"MANIFEST", "MANIFEST.sig", "MANIFEST.ed25519"}, r"(?!(.*/)?\.{0,2}(/|$))[A-Za-z0-9._/-]{1,255}"
NAMESPACE, PIN = "audit-bundle@redoubt", 'redoubt cert-authority,namespaces="audit-bundle@redoubt" ssh-ed25519 '
class Wrong(Exception): """Something is not as the format says: INVALID. (file, why, number of the record)"""
def need(condition, file, why, seq=None):
    if not condition: raise Wrong(file, why, seq)
# ------------------------------------------------------ files: of a folder, or of a tar archive, which is not unpacked
def of_folder(top):
    """(name, place) of each file: path, first byte, number of bytes; no place for a link or another thing."""
    for path in pathlib.Path(top).rglob("*"):
        if not stat.S_ISDIR((found := path.lstat()).st_mode):
            yield path.relative_to(top).as_posix(), (path, 0, found.st_size) if stat.S_ISREG(found.st_mode) else None
def of_archive(path):
    """The same. The first header of a member says that it is a plain file of POSIX ustar: there is no extension."""
    try:
        for member in (tar := tarfile.open(path, "r:")):
            plain = tar.fileobj.seek(member.offset + 156) and re.match(USTAR, tar.fileobj.read(109), re.DOTALL)
            yield member.name, (path, member.offset_data, member.size) if plain and not member.pax_headers else None
    except (tarfile.TarError, ValueError, OverflowError): raise Wrong(None, "no plain tar archive", None) from None
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
def times(p, n): return functools.reduce(add, (row[n >> 4 * i & 15] for i, row in enumerate(multiples(p))))
def signed(key, message, signature):
    """Section 5.1.7 without the cofactor: [S]B - [k]A encodes as R, byte for byte; S is below L."""
    s, k = int.from_bytes(signature[32:], "little"), hashlib.sha512(signature[:32] + key + message).digest()
    if len(key) != 32 or len(signature) != 64 or s >= L or not multiples(key): return False
    x, y, z, t = times(key, int.from_bytes(k, "little") % L)
    x, y, z, _ = add(times(BASE, s), (-x, y, z, -t))
    x, y = x * pow(z, -1, P) % P, y * pow(z, -1, P) % P
    return (y | (x & 1) << 255).to_bytes(32, "little") == signature[:32]
# -------------------------------------------------------------------------- keys, certificates, checkpoints, the tree
def base_64(value): return base64.b64encode(value).decode()
def unbase64(text, size=None):
    """The `size` bytes (None: any number) that canonical base64 says; nothing for any other text."""
    said = base64.b64decode(text) if re.fullmatch("[A-Za-z0-9+/]*={0,2}", text) and len(text) % 4 == 0 else b""
    return said if base_64(said) == text and size in (None, len(said)) else b""
def field(value): return struct.pack(">I", len(value)) + value  # a string of RFC 4251
def ssh(value): return field(b"ssh-ed25519") + field(value)  # a public key, or a signature
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
    form = re.escape(origin) + "\n([1-9][0-9]{0,15})\n([^\n]+)\n\n((?:\u2014 [^\\s+]+ \\S+\n){1,100})"
    said = re.fullmatch(form, note) if not re.search("[\0-\x09\x0b-\x1f\x7f-\x9f]", note) else None
    pairs = [(name, unbase64(value)) for name, value in re.findall("(\\S+) (\\S+)\n", said[3])] if said else []
    key_id, text = hashlib.sha256(origin.encode() + b"\n\x01" + key).digest()[:4], note.partition("\n\n")[0] + "\n"
    ours = [signed(key, text.encode(), value[4:]) for name, value in pairs if (name, value[:4]) == (origin, key_id)]
    good = ours and all(ours) and all(len(value) > 4 for _, value in pairs) and len(note.encode()) <= NOTE
    return (int(said[1]), unbase64(said[2], 32)) if good and unbase64(said[2], 32) else (0, b"")
def node(left, right): return hashlib.sha256(b"\x01" + left + right).digest()
def subtree(hashes): return hashes[0] if len(hashes) == 1 else subtree([*map(node, hashes[::2], hashes[1::2])])
def grown(old, new, path, old_root, whole=True):
    """The roots of `old` and `new` leaves by a consistency proof (RFC 6962 section 2.1.2), whose end is used up."""
    if old == new: return (old_root if whole else (path or [b""]).pop(),) * 2
    half, last = 1 << (new - 1).bit_length() - 1, (path or [b""]).pop()
    if old > half: return tuple(node(last, root) for root in grown(old - half, new - half, path, old_root, False))
    before, after = grown(old, half, path, old_root, whole)
    return before, node(after, last)
# ----------------------------------------------------------------------------------- JSON, and the forms of its objects
def ordered(pairs):
    """An object if its names rise by UTF-16 code units, so that none stands twice; what no form allows if not."""
    names, units = [name for name, _ in pairs], lambda name: name.encode("utf-16-be", "surrogatepass")
    return dict(pairs) if names == sorted(set(names), key=None if "".join(names).isascii() else units) else None
PARSE = json.JSONDecoder(object_pairs_hook=ordered).decode
WRITE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode
def parsed(line, form, parse=PARSE):
    """What a line says: an object of this form (none allows null, or a fraction) in the spelling of RFC 8785; or {}."""
    try:
        value = parse(said := line.decode())
        return value if form(value) and (parse != PARSE or WRITE(value) == said) else {}
    except (ValueError, TypeError, RecursionError): return {}
def milliseconds(time):
    """Of a record's time, since 1970; None, ValueError or TypeError for what is no such time."""
    moment = datetime.datetime.fromisoformat(time[:-1])
    return (moment - START) // MS if f"{moment.isoformat(timespec='microseconds')}Z" == time else None
def shape(optional="", **forms):
    """The form of an object with these names, of which the optional ones may be absent, and no others."""
    needed = forms.keys() - optional.split()
    return lambda o: type(o) is dict and needed <= o.keys() <= forms.keys() and all([forms[n](v) for n, v in o.items()])
def like(pattern): return lambda v, match=re.compile(pattern).fullmatch: type(v) is str and match(v) is not None
START, MS = datetime.datetime(1970, 1, 1), datetime.timedelta(milliseconds=1)
text, count = (lambda v: type(v) is str), (lambda v: type(v) is int and 0 <= v < 2**53)
texts, word = (lambda v: type(v) is list and all(map(text, v))), like("[a-z0-9_.]+")
detail = lambda v: type(v) in (str, bool) or type(v) is int and abs(v) < 2**53 or texts(v)
COMMON = dict(v=lambda v: type(v) is int and v == 1, origin=like(r"redoubt/[^\s+]+"), sw=text,
              time=lambda v: milliseconds(v) is not None)
RECORD_FORM = shape("reason src obj req model d", **COMMON, seq=count, mono=count, boot=text, cat=word, act=word,
    actor=shape("uid name roles sess", uid=text, name=text, roles=lambda v: texts(v) and v, sess=text), req=text,
    src=shape("tls ua_sha", ip=text, port=lambda v: count(v) and v < 1 << 16, tls=text, ua_sha=text), reason=text,
    obj=shape("owner", type=text, id=text, owner=text), model=shape(id=text, sha256=text),
    outcome=like("ok|deny|error"), d=lambda v: type(v) is dict and v and all(map(detail, v.values())))
NOTE_FORM, EPOCH_FORM = shape(note=text), shape(certificate=text, epoch=count)
BUNDLE_FORM = shape("nonce previous", **COMMON, **{"from": count}, to=count, size=count, export=count,
                    nonce=like("[0-9A-Fa-f]+"), previous=NOTE_FORM)
STATE_FORM = shape(v=COMMON["v"], origin=text, root_key=text, size=count, root=text, export=count)
# ----------------------------------------------------------------------------------------------------------- the views
ACTIVITIES = {  # of class 6003 by the last part of the name
    3001: {"user.create": 1, "user.enable": 2, "user.password": 3, "user.disable": 5, "totp.enrol": 10,
           "totp.reset": 11}, 3003: {"session.workspace": 2},
    3002: {"login.password": 1, "login.certificate": 1, "login.totp": 1, "login.recovery_code": 1, "session.unlock": 1,
           "logout": 2, "session.expired": 2, "session.revoked": 2}, 6003: dict(create=1, start=1, issue=1, open=2,
           read=2, search=2, export=2, explained=2, update=3, end=3, member=3, delete=4, revoke=4)}
OUTCOMES = {"ok": (1, 3, 110, "Success"), "deny": (2, 6, 108, "Failure"), "error": (3, 8, 107, "Failure")}
PARAMS = dict.fromkeys("seq leaf cat outcome reason uid name sess ip port type id owner req model boot sw d".split())
EXTENSION = dict(ms="rt", seq="externalId", cat="cat", outcome="outcome", reason="reason", uid="suid", name="suser",
    v4="src", v6="c6a2Label=Source IPv6 Address c6a2", port="spt", leaf="cs1Label=leaf cs1", obj="cs2Label=object cs2",
    sess="cs3Label=session cs3", d="cs4Label=data cs4", req="cs5Label=request cs5", origin="cs6Label=log cs6")
PLAIN = {c: f"\\u{c:04x}" for c in (*range(32), *range(127, 160), 0x2028, 0x2029)} | {0x5C: "\\\\"}
def plain(value): return value if value.isprintable() and "\\" not in value else value.translate(PLAIN)
def pairs(opening, closing, labels, line, marks):
    """Labels and values, with a backslash before each backslash and mark; all at once, as no value has a 0x0A."""
    there = [name for name in labels if name in line]
    joined = "\n".join([line[name] for name in there]).replace("\\", "\\\\")
    for mark in marks: joined = joined.replace(mark, "\\" + mark)
    return " ".join([f"{labels[n] or n}{opening}{value}{closing}" for n, value in zip(there, joined.split("\n"))])
def present(**values): return {name: value for name, value in values.items() if value is not None}
def views(r, leaf):
    """The lines of the three views. All names of a record's inner objects differ, so they can stand side by side."""
    flat = {**r, **r["actor"], **r.get("src", {}), **r.get("obj", {}), "leaf": leaf, "ms": milliseconds(r["time"])}
    yield ocsf(r, flat.get)
    flat["v6" if ":" in flat.get("ip", "") else "v4"] = flat.get("ip")
    flat.update(model=r.get("model", {}).get("id"), d=WRITE(r["d"]) if r.get("d") else None,
                obj=f"{flat['type']} {flat['id']}" if "obj" in r else None)
    line = {name: plain(str(flat[name])) for name in {**EXTENSION, **PARAMS} if flat.get(name) is not None}
    (_, severity, priority, _), host = OUTCOMES[r["outcome"]], re.fullmatch("redoubt/([!-~]{1,255})", r["origin"])
    head = f"{pairs('|', '|', {'sw': 'CEF:0|Redoubt|Redoubt'}, line, '|')}{r['act']}|{r['act']}|{severity}|"
    yield head + pairs("=", "", EXTENSION, line, "=")
    head = f"<{priority}>1 {r['time']} {host[1] if host else '-'} redoubt - {r['act'][:32]} [redoubt@32473 "
    yield head + pairs('="', '"', PARAMS, line, '"]') + "]"
def ocsf(r, get):
    """An event of OCSF 1.3.0; names are written in their canonical order. `get` has the inner names, too."""
    act, cat, uid, sess, owner = r["act"], r["cat"], get("uid"), get("sess"), get("owner")
    kind = 3002 if cat == "auth" else 3001 if cat == "account" and not act.startswith(("apikey.", "mapping.")) else \
        3003 if act == "session.workspace" else 6003
    other, workspace, (severity, _, _, status) = kind == 6003, r.get("d", {}).get("workspace"), OUTCOMES[r["outcome"]]
    activity = ACTIVITIES[kind].get(act.rpartition(".")[2] if other else act, 99)
    to = get("id") if get("type") == "user" else owner
    user = present(name=get("name"), uid=uid) or dict(name=(get("roles") or ["unknown"])[0], type_id=0)
    return WRITE(present(
        activity_id=activity, activity_name=act if activity == 99 else None,
        actor=present(session=present(uid=sess) or None, user=user) if kind != 3003 else None,
        api=present(operation=act, request=present(uid=get("req")) or None) if other else None,
        category_uid=kind // 1000, class_uid=kind,
        group={"type": "workspace", "uid": workspace} if kind == 3003 and text(workspace) else None, metadata=dict(
            event_code=act, log_name=r["origin"], product=dict(name="Redoubt", vendor_name="Redoubt", version=r["sw"]),
            sequence=r["seq"], uid=get("leaf"), version="1.3.0"),
        resources=[present(owner=present(uid=owner) or None, type=get("type"), uid=get("id"))] if other and "obj" in r
        else None, service={"name": "Redoubt"} if kind == 3002 else None,
        session=present(uid=sess) or None if kind == 3003 else None, severity_id=severity,
        src_endpoint=dict(ip=get("ip"), port=get("port")) if "src" in r else {"uid": r["origin"]} if other else None,
        status=status, status_detail=get("reason"), status_id=1 if status == "Success" else 2, time=get("ms"),
        type_uid=100 * kind + activity, unmapped=present(
            boot=r["boot"], cat=cat, d=get("d") or None, model=get("model"), mono=r["mono"],
            obj=None if other else get("obj"), outcome=r["outcome"], req=None if other else get("req"),
            roles=get("roles") or None, tls=get("tls"), ua_sha=get("ua_sha")),
        user=None if other else user if to in (None, uid) else {"uid": to}))
# ----------------------------------------------------------------------------------------------- the checks, in order
class Check:
    """One bundle. Each check proves the sentence that documents it or raises `Wrong`; the next one builds on it."""
    def __init__(self, path, pins, state):
        self.path, self.pins, self.state, self.b, self.newest_root = path, pins, state, {}, b""
    def blocks(self, name):
        path, at, left = self.places.get(name, (None, 0, 0))
        need(path and (left <= FILE or name.startswith(LONG)), name, f"missing, or longer than {FILE} bytes")
        with open(path, "rb") as file:
            file.seek(at)
            while block := file.read(min(left, 1 << 18)):
                left -= len(block)
                yield block
    def read(self, name): return b"".join(self.blocks(name))
    def lines(self, beginning, limit=2 * NOTE):
        """(file, line) of each line in files whose names begin so, without the 0x0A that ends it; split at no other."""
        for name in (name for name in self.names if name.startswith(beginning)):
            rest = b""
            for block in self.blocks(name):
                *lines, rest = (rest + block).split(b"\n")
                need(max(map(len, [*lines, rest])) <= limit, name, f"a line is longer than {limit} bytes")
                yield from zip(itertools.repeat(name), lines)
            need(not rest and self.places[name][2], name, "empty, or its last line is not ended by 0x0A")
    def manifest(self):
        """Every file is the one that MANIFEST names, there are no others, and no links."""
        found = [*itertools.islice((of_folder if os.path.isdir(self.path) else of_archive)(self.path), FILES + 1)]
        for name, place in found:
            need(place and re.fullmatch(NAME, name), ascii(name)[:300], "no name that is allowed, or no regular file")
        need(len({name.lower() for name, _ in found}) == len(found) <= FILES, None, "same but for case, or too many")
        self.places, self.names = dict(found), sorted(dict(found))
        lines = self.read("MANIFEST").decode("latin-1").split("\n")
        names = [line[66:] for line in lines[:-1]]
        odd, good = SIGNED.union(names).symmetric_difference(self.names), names == sorted(set(names)) and not lines[-1]
        need(good and not odd, min(odd, default="MANIFEST"), "missing, or not in MANIFEST, or MANIFEST has no order")
        for name, line in zip(names, lines):
            hasher = hashlib.sha256()
            for block in self.blocks(name): hasher.update(block)
            need(line == f"{hasher.hexdigest()}  {name}", name, "its SHA-256 is not the one in MANIFEST")
    def summary(self):
        """bundle.json is in its form, and so are the names of all files."""
        lines, b = [line for _, line in self.lines("bundle.json")], self.b
        b.update(parsed(lines[0], BUNDLE_FORM) if len(lines) == 1 else {})
        form = b and b["from"] <= b["to"] <= b["size"] > b["from"] and ("previous" in b) + 1 == min(b["export"], 2)
        need(form and b["origin"] == (self.state or b)["origin"], "bundle.json", "not in its form, or of another log")
        rule = r"(records|checkpoints)/\d{8}\.jsonl|tile/\d/(x\d{3}/)*\d{3}(\.p/\d+)?|proof/consistency-[1-9]\d{0,15}-"
        odd = {name for name in self.names if not re.fullmatch(f"{rule}{b['size']}", name)} ^ ALWAYS ^ SIGNED
        need(not odd, min(odd, default=None), "the file is missing, or no file of a bundle has that name")
        self.proof_of = {int(name.split("-")[1]): name for name in self.names if name.startswith("proof/")}
    def chain(self):
        """The pinned root certified the key of every epoch, each for its own number; the newest was valid."""
        name, pins, self.keys = "keys/chain.jsonl", self.pins or roots(self.read(PINNED).decode("latin-1")), {}
        for entry in (parsed(line, EPOCH_FORM) for _, line in self.lines(name)):
            blob, epoch = unbase64(entry.get("certificate", "")), entry.get("epoch", 0)
            key, root, end = certified(blob, self.b["origin"], epoch)
            need(root in pins and epoch - 1 in (self.keys or [epoch - 1]), name, f"not the root's for epoch {epoch}")
            self.keys[epoch], pins = key, {root}
        need(self.keys and milliseconds(self.b["time"]) < 1000 * end, name, "empty, or the newest one had ended")
        self.root_key, self.epoch, self.key, self.certificate = root, epoch, key, blob
    def signature(self):
        """The newest epoch's key signed MANIFEST, twice, and ssh-keygen says so too."""
        manifest, armour = self.read("MANIFEST"), self.read("MANIFEST.sig")
        end = unbase64(b"".join(armour.split(b"\n")[1:-2]).decode("latin-1"))[-64:]
        blob = map(field, (self.certificate, NAMESPACE.encode(), b"", b"sha512", ssh(end)))
        lines = re.sub("(.{1,70})", "\\1\n", base_64(b"SSHSIG\0\0\0\1" + b"".join(blob)))
        form = f"-----BEGIN SSH SIGNATURE-----\n{lines}-----END SSH SIGNATURE-----\n".encode()
        need(armour == form, "MANIFEST.sig", "not a signature for bundles with the newest epoch's certificate")
        need(signed(self.key, manifest, self.read("MANIFEST.ed25519")), "MANIFEST.ed25519", "not by the newest key")
        with tempfile.TemporaryDirectory() as folder:
            signature, signers = pathlib.Path(folder, "MANIFEST.sig"), pathlib.Path(folder, "allowed_signers")
            signature.write_bytes(armour)
            signers.write_text(PIN + base_64(ssh(self.root_key)) + "\n")
            command = ["ssh-keygen", "-Y", "verify", "-f", signers, "-I", "redoubt", "-n", NAMESPACE, "-s", signature,
                       "-O", "verify-time=" + re.sub("[^0-9]", "", self.b["time"])[:14]]
            ended = subprocess.run(command, input=manifest, capture_output=True, env={**os.environ, "TZ": "UTC"})
        need(ended.returncode != 255, "MANIFEST.sig", "ssh-keygen does not accept it as the signature of MANIFEST")
        ended.check_returncode()  # any other says that ssh-keygen cannot do it: 8.9 or newer is needed
    @functools.lru_cache(maxsize=64)
    def tile(self, level, index):
        """The hashes of a tile; those of a full one lead to the tile above, and so, with `tree`, to the root."""
        width, groups = min(256, (self.b["size"] >> 8 * level) - 256 * index), f"{10**18 + index:,}".split(",")
        *before, last = groups[-len(f"{index:,}".split(",")):]
        name = "/".join(["tile", str(level), *("x" + group for group in before), last]) + (width < 256) * f".p/{width}"
        data, above = self.read(name), self.tile(level + 1, index >> 8)[index & 255] if width == 256 else None
        hashes = [data[i:i + 32] for i in range(0, len(data), 32)]
        need(len(data) == 32 * width and above in (None, subtree(hashes)), name, "not as the tile above it says")
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
        size, self.newest = self.b["size"], self.read("checkpoint").decode("utf-8", "replace")
        self.newest_root, found = self.root(size), opened(self.newest, self.b["origin"], self.key)
        need(found == (size, self.newest_root), "checkpoint", "not of the tiles' size and root, or by another key")
        all(self.tile(level, index) for level in range(1, 7) for index in range((size >> 8 * level) + 255 >> 8))
    def notes(self):
        """Every checkpoint is by its epoch's key, and its root is that of the tiles or of a proof."""
        b, last, self.known = self.b, 0, {}
        for name, line in self.lines("checkpoints/"):
            note, epoch = parsed(line, NOTE_FORM).get("note", ""), int(name[12:20])
            size, root = opened(note, b["origin"], self.keys.get(epoch, b""))
            need(last < size <= b["size"], name, "a line is no later checkpoint by the key of that epoch")
            shown = self.root(size) == root if b["from"] < size <= b["to"] else size in (b["size"], *self.proof_of)
            need(shown, name, f"the root of the checkpoint of {size} records is wrong, or nothing shows it")
            last, self.known[size] = size, (epoch, root, note)
        newest = self.epoch, self.newest_root, self.newest
        need(self.known.setdefault(b["size"], newest) == newest, "checkpoint", "not the one in checkpoints/")
        need(self.known[min(self.known)][0] == min(self.keys), "keys/chain.jsonl", "not from the oldest checkpoint on")
        notes = [{"note": self.known[size][2]} for size in self.proof_of if size in self.known]
        need(b.get("previous") in [None, *notes], "bundle.json", "the previous one has no proof, or is not there")
    def records(self):
        """Every record is in its form and place, time rises, epochs end as they should; the views say the same."""
        b, last, others = self.b, "", [self.lines(name, VIEW_LINE) for name in VIEWS]
        epoch = self.known[min(size for size in self.known if size > b["from"])][0] if b["from"] else 0
        seqs = itertools.chain(range(b["from"], b["to"]), range(max(b["to"], b["size"] - 1), b["size"]))
        for name, line in self.lines("records/", RECORD):
            seq, r, leaf = next(seqs, -1), parsed(line, RECORD_FORM), hashlib.sha256(b"\0" + line)
            need(r and r["seq"] == seq and r["origin"] == b["origin"], name, "not the log's next record, in form", seq)
            need(self.tile(0, seq >> 8)[seq & 255] == leaf.digest(), name, "its leaf is not the one in the tree", seq)
            if seq > b["to"]:  # those between are not here
                epoch = self.epoch if min(self.known[n][0] for n in self.known if n > b["to"]) >= epoch else -1
            need(r["time"] >= last or r["act"] == "system.clock_step" or seq > b["to"], name, "time goes back", seq)
            d, last, ends = r.get("d", {}), r["time"], r["act"] == "key.rotate"
            of, root, _ = self.known.get(seq) or (d.get("epoch"), self.root(seq) if seq == b["from"] > 0 else b"", "")
            said = r["act"] != "checkpoint" or [*map(d.get, ("size", "epoch", "root"))] == [seq, of, base_64(root)]
            need(said, name, "the checkpoint that it describes is not there, or another one", seq)
            after, due = self.known.get(seq + 1, [None if ends else epoch])[0], base_64(self.keys.get(epoch + 1, b""))
            need(after == epoch, name, "the checkpoint after it is not of the present epoch", seq)
            end = [*map(d.get, ("epoch", "next", "next_key"))] == [epoch, epoch + 1, due]
            need(end or not ends, name, "does not end the present epoch", seq)
            epoch += ends
            for view, other, expected in zip(VIEWS, others, views(r, leaf.hexdigest())):
                need(next(other, None) == (view, expected.encode()), view, "not what the record gives", seq)
        over = [next(rest, None) for rest in (seqs, *others)]
        need(over == [None] * 4, name, "too few records, or a view with more lines than records")
        due = ["audit.export", b["time"], b["sw"], b["to"], b["export"], b["from"], b.get("nonce")]
        said = [r["act"], last, r["sw"], d.get("to", b["size"]), *map(d.get, ("export", "from", "nonce"))]
        need(said == due, name, "the last record is not that of this export", seq)
    def proofs(self):
        """Every proof leads from its older log to the newest checkpoint."""
        self.shown, size = {self.b["size"]: self.newest_root}, self.b["size"]
        for old, name in self.proof_of.items():
            head, _, note = self.read(name).decode("utf-8", "replace").partition("\n\n")
            path, root = [unbase64(line, 32) for line in head.split("\n")[1:]], self.known.get(old, (0, b"", ""))[1]
            form = (head.split("\n")[0], note) == (f"old {old}", self.newest) and root and b"" not in path
            proven = form and old < size and grown(old, size, path, root) == (root, self.newest_root) and not path
            need(proven, name, "it does not lead from a checkpoint in the bundle to the newest one")
            self.shown[old] = root
    def verdict(self, nonce):
        """What the auditor knew before decides between the verdicts on a bundle that is right in itself."""
        b, (m, anchor, export) = self.b, [(self.state or {}).get(name, 0) for name in ("size", "root", "export")]
        if b.get("nonce") != nonce if nonce else b["export"] < export: return "STALE"
        root = self.root(m) if b["from"] < m <= b["to"] else self.shown.get(m)
        return "DIVERGED" if m > b["size"] or root and base_64(root) != anchor else "VERIFIED" if root else "UNANCHORED"
# ----------------------------------------------------------------------------------------------------- the command line
def judged(bundle, trust, path, nonce):
    """The result, as --json prints it; EnvironmentError where there can be none."""
    state = parsed(path.read_bytes(), STATE_FORM, json.loads) if path and path.exists() else None
    sources = [trust.read_text(encoding="latin-1")] if trust else []
    sources += [PIN + state.get("root_key", "")[12:]] if state is not None else []
    pins = set.intersection(*map(roots, sources)) if sources else None
    if sources and not pins: raise EnvironmentError("trust and state file pin no root, or not the same one")
    check, proved, findings = Check(bundle, pins, state), [], []
    checks = [getattr(check, name) for name in "manifest summary chain signature tree notes records proofs".split()]
    try:
        for step in checks:
            step()
            proved.append(step.__doc__)
    except Wrong as wrong: findings = [dict(zip(("file", "why", "seq"), wrong.args))]
    verdict, b = "INVALID" if findings else check.verdict(nonce), check.b
    if verdict == "VERIFIED" or verdict == "UNANCHORED" and path and pins and state is None:
        seen = dict(v=1, origin=b["origin"], root_key=PIN[-12:] + base_64(ssh(check.root_key)), size=b["size"],
                    root=base_64(check.newest_root), export=max(b["export"], (state or b)["export"]))
        path.with_name(path.name + ".new").write_text(WRITE(seen) + "\n")
        path.with_name(path.name + ".new").replace(path)
    unproved = [f"Not reached: {step.__doc__}" for step in checks[len(proved):]] + [said for said, known in (
        ("Whose bundle this is: the bundle's own root was believed (--trust).", pins),
        ("That this log goes on from one seen before (--state).", verdict in ("VERIFIED", "DIVERGED", "STALE")),
        ("That the bundle was made for this check (--nonce).", nonce), ("That all was recorded.", False)) if not known]
    return dict(verdict=verdict, origin=b.get("origin"), size=b.get("size"), root=base_64(check.newest_root) or None,
                checked=proved, not_checked=unproved, findings=findings)
def hexadecimal(said): return re.fullmatch("[0-9A-Fa-f]+", said)[0]
def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.error = lambda message: parser.exit(64, f"{parser.prog}: {message}\n")
    for name, kind in ("BUNDLE", str), ("--trust", pathlib.Path), ("--state", pathlib.Path), ("--nonce", hexadecimal):
        parser.add_argument(name, type=kind)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    try: result = judged(options.BUNDLE, options.trust, options.state, options.nonce)
    except (EnvironmentError, subprocess.CalledProcessError) as error: parser.error(f"no verdict: {error}")
    lines = ["{verdict}  {origin}  {size} records  root {root}".format(**result)]
    told = ["{file}, record {seq}: {why}".format(**found).replace(", record None", "") for found in result["findings"]]
    for title, said in ("Proved", result["checked"]), ("Not proved", result["not_checked"]), ("Findings", told):
        lines += ["", title + ":", *(f"  - {line}" for line in said)]
    print(json.dumps(result) if options.json else "\n".join(lines))
    return EXITS[result["verdict"]]
if __name__ == "__main__": sys.exit(main())
