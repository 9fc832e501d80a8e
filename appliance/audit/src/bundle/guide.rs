//! `VERIFY.txt`: how somebody who has never seen the appliance checks the bundle, and what each step proves.

use super::Index;

/// The guide of a bundle.
pub(super) fn text(index: &Index) -> String {
    // `ssh-keygen` reads a time in this form: the certificate of the key must be valid at that one.
    let time: String = index.time.chars().take(19).filter(char::is_ascii_digit).collect();
    let nonce = index.nonce.as_deref().map(|nonce| format!(" --nonce {nonce}")).unwrap_or_default();
    TEXT.replace("{origin}", &index.origin)
        .replace("{export}", &index.export.to_string())
        .replace("{time}", &time)
        .replace("{made}", &index.time)
        .replace("{nonce}", &nonce)
}

const TEXT: &str = "\
Export {export} of the audit log {origin}, made at {made}.

You need the line by which you pinned this installation when it was set up, in a file of yours; here it is called
my_allowed_signers. The file keys/allowed_signers of this bundle says what that line should be, but whoever could forge
the bundle could forge that file, too: compare its key with the fingerprint in the installation's report.

1. With tools that every machine has, in the folder of this bundle

     ssh-keygen -Y verify -f my_allowed_signers -I redoubt -n audit-bundle@redoubt \\
         -O verify-time={time}Z -s MANIFEST.sig < MANIFEST \\
       && sha256sum -c --strict --quiet MANIFEST

   What it proves: a key that the installation's root certified has signed MANIFEST, and every file that MANIFEST lists
   is as it was then. If your ssh-keygen does not know the Z at the end of a time, run it with TZ=UTC and leave the Z out.
   The first command must say Good before the second means anything.

   What it does not see: files that MANIFEST does not list, symbolic links, whether the records are complete and in
   order, whether they are those of the last export, whether this is the bundle that you asked for.

2. With the appliance's executable, on any machine, or with verify_bundle.py (Python 3 and ssh-keygen)

     redoubt audit verify --trust my_allowed_signers --state my_state{nonce} BUNDLE
     python3 verify_bundle.py --trust my_allowed_signers --state my_state{nonce} BUNDLE

   What it proves beyond that: no record was changed, left out, added or moved since it was written (the Merkle tree of
   RFC 6962 and its checkpoints); each checkpoint is by the key of its day; the log goes on from the one that you saw last
   (my_state, which it keeps for you); the bundle is the answer to your nonce; the files in siem/ say what the records
   say.

   What nothing can prove from one bundle alone: that the appliance has not rewritten what you never saw before. So keep
   my_state, ask for an export now and then, and give each a new nonce.

3. Without OpenSSH: MANIFEST.ed25519 is a plain Ed25519 signature of MANIFEST by the key in MANIFEST.sig's certificate.

     openssl pkeyutl -verify -rawin -pubin -inkey pub.pem -in MANIFEST -sigfile MANIFEST.ed25519

The verdict of step 2 is also its exit code: 0 VERIFIED, 1 INVALID, 2 DIVERGED (another log than the one you saw, or one
that ends before it), 3 UNANCHORED (right in itself; there was nothing to compare it with), 4 STALE (an old bundle).
";
