package secondary

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bailiwick/internal/clock"
	"bailiwick/wire"
)

// A zone file that was read when the configuration was is not read again, unless it has changed
// since; and the next check reads it.
func TestFileThatWasReadIsNotReadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "zone")
	write := func(serial string) {
		text := strings.Replace(strings.Join(first, "\n"), " 1 600", " "+serial+" 600", 1) + "\n"
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	at := time.Now().Add(-time.Hour)
	for what, c := range map[string]struct {
		change func()
		want   uint32
	}{
		"as it was":       {func() { write("2"); _ = os.Chtimes(path, at, at) }, 1},
		"of another time": {func() { write("2") }, 2},
		"of another size": {func() { write("22"); _ = os.Chtimes(path, at, at) }, 22},
		"another one": {func() {
			if err := os.Rename(path, path+".old"); err != nil {
				t.Fatal(err)
			}
			write("2")
			_ = os.Chtimes(path, at, at)
		}, 2},
	} {
		write("1")
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
		z := Zone{Name: wire.MustParseName("held.test."), File: path, Digest: DigestOff}
		read, err := CheckFile(&z)
		if err != nil {
			t.Fatal(err)
		}
		c.change()
		k := New(Parts{Clock: clock.Real{}, Log: slog.New(slog.DiscardHandler)})
		k.Replace(Config{Zones: []Zone{z}, Octets: defaultOctets,
			Files: map[wire.Name]*File{z.Name: read}})
		h := (*k.zones.Load())[z.Name]
		k.check(h)
		if got := k.Latest(z.Name).SOA().Serial; got != c.want {
			t.Errorf("a file %s: serial %d, want %d", what, got, c.want)
		}
		write("99")
		_ = os.Chtimes(path, at, at)
		k.check(h)
		if got := k.Latest(z.Name).SOA().Serial; got != 99 {
			t.Errorf("a file %s: serial %d at the next check", what, got)
		}
		k.Close()
	}
}

// A file that was read does not escape the limit of memory.
func TestFileThatWasReadIsLimited(t *testing.T) {
	path := filepath.Join(t.TempDir(), "zone")
	if err := os.WriteFile(path, []byte(strings.Join(first, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	z := Zone{Name: wire.MustParseName("held.test."), File: path, Digest: DigestOff}
	read, err := CheckFile(&z)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fromFile(&z, read, nil, 10); err == nil {
		t.Error("it is used")
	}
}
