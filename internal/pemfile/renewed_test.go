package pemfile

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
)

// What is read from the same files is the same, and what is read from others is not, whatever they
// hold: otherwise a configuration that names other files would go on with those of before.
func TestCertificatesAreEqualByTheirFiles(t *testing.T) {
	dir := t.TempDir()
	certificate, key := authority(t)
	path := func(name, text string) string {
		t.Helper()
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	certA, keyA := path("certA", certificate), path("keyA", key)
	certB, keyB := path("certB", certificate), path("keyB", key) // the same text
	own := func(certificate, key string) *Own {
		t.Helper()
		o, err := OpenOwn(certificate, key)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	trusted := func(path string) *Trusted {
		t.Helper()
		a, err := OpenTrusted(path)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	for what, c := range map[string]struct {
		a, b *Own
		want bool
	}{
		"none":                {nil, nil, true},
		"none and one":        {nil, own(certA, keyA), false},
		"one and none":        {own(certA, keyA), nil, false},
		"the same files":      {own(certA, keyA), own(certA, keyA), true},
		"another certificate": {own(certA, keyA), own(certB, keyA), false},
		"another key":         {own(certA, keyA), own(certA, keyB), false},
	} {
		if c.a.Equal(c.b) != c.want {
			t.Errorf("own, %s: equal is %v", what, !c.want)
		}
	}
	pool := trusted(certA).Pool()
	for what, c := range map[string]struct {
		a, b *Trusted
		want bool
	}{
		"the system's":                {nil, nil, true},
		"the system's and a file":     {nil, trusted(certA), false},
		"a file and the system's":     {trusted(certA), nil, false},
		"the same file":               {trusted(certA), trusted(certA), true},
		"another file":                {trusted(certA), trusted(certB), false},
		"a file and fixed ones of it": {trusted(certA), Fixed(pool), false},
		"the same fixed ones":         {Fixed(pool), Fixed(pool.Clone()), true},
		"other fixed ones":            {Fixed(pool), Fixed(x509.NewCertPool()), false},
	} {
		if c.a.Equal(c.b) != c.want {
			t.Errorf("trusted, %s: equal is %v", what, !c.want)
		}
	}
	same := trusted(certB)
	other, _ := authority(t)
	path("certB", other)
	if same.Pool(); !same.Equal(trusted(certB)) {
		t.Error("the same file is another one when it has changed")
	}
}
