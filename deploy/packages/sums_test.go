package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
)

// TestChecksumsAreSigned signs the checksums of two files with a key of the test, and verifies them
// as who downloads a release does: the signature holds for these checksums and no others.
func TestChecksumsAreSigned(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	owner, err := openpgp.NewEntity("Release", "", "release@example.invalid", nil)
	if err != nil {
		t.Fatal(err)
	}
	var private bytes.Buffer
	w, err := armor.Encode(&private, openpgp.PrivateKeyType, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := owner.SerializePrivate(w, nil); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, private.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}

	write("b.deb", "two")
	write("a.rpm", "one")
	b := &build{out: dir}
	if err := b.checksums(); err != nil {
		t.Fatal(err)
	}
	if err := b.sign(key); err != nil {
		t.Fatal(err)
	}
	sums, err := os.ReadFile(filepath.Join(dir, sumsFile))
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Split(string(sums), "\n"); len(lines) != 3 ||
		!strings.HasSuffix(lines[0], "  a.rpm") || !strings.HasSuffix(lines[1], "  b.deb") {
		t.Errorf("checksums:\n%s", sums)
	}
	signature, err := os.ReadFile(filepath.Join(dir, sumsFile+".asc"))
	if err != nil {
		t.Fatal(err)
	}
	verify := func(text []byte) error {
		_, err := openpgp.CheckArmoredDetachedSignature(openpgp.EntityList{owner},
			bytes.NewReader(text), bytes.NewReader(signature), nil)
		return err
	}
	if err := verify(sums); err != nil {
		t.Error(err)
	}
	if verify(append(sums, ' ')) == nil {
		t.Error("the signature holds for other checksums")
	}
	if err := b.checksums(); err != nil {
		t.Fatal(err)
	}
	again, err := os.ReadFile(filepath.Join(dir, sumsFile))
	if err != nil || !bytes.Equal(again, sums) {
		t.Errorf("with a signature beside them there are other checksums: %v\n%s", err, again)
	}
}

// TestWrongKeyEndsTheRelease: a release that was to be signed is not left without a signature.
func TestWrongKeyEndsTheRelease(t *testing.T) {
	dir := t.TempDir()
	key := filepath.Join(dir, "key")
	if err := os.WriteFile(key, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{key, filepath.Join(dir, "missing")} {
		if err := (&build{out: dir}).sign(path); err == nil {
			t.Errorf("%s signs", path)
		}
	}
}
