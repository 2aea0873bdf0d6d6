package state

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// opened returns a directory, and what it logs.
func opened(t *testing.T, path string) (*Directory, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	return Open(path, slog.New(slog.NewTextHandler(&log, nil))), &log
}

// text writes a text.
func text(s string) func(io.Writer) error {
	return func(w io.Writer) error { _, err := io.WriteString(w, s); return err }
}

// content reads a file.
func content(d *Directory, f File) (string, error) {
	var all []byte
	err := d.Load(f, func(r io.Reader) (err error) { all, err = io.ReadAll(r); return err })
	return string(all), err
}

// What is saved is loaded by the next process, and a person can read it.
func TestStateSurvivesARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new")
	d, _ := opened(t, path)
	if _, err := content(d, Anchors); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	for _, s := range []string{"first", "second\nline\n", ""} {
		if err := d.Save(Anchors, text(s)); err != nil {
			t.Fatal(err)
		}
		again, log := opened(t, path)
		if got, err := content(again, Anchors); got != s || err != nil || log.Len() > 0 {
			t.Errorf("%q: got %q, %v, log %s", s, got, err, log)
		}
	}
	if s := d.Status(Anchors); s.Succeeded != 3 || s.Lost != 0 || s.Saved.IsZero() {
		t.Errorf("%+v", s)
	}
	if err := d.Save(Anchors, text("here\n")); err != nil {
		t.Fatal(err)
	}
	file, _ := os.ReadFile(filepath.Join(path, "anchors"))
	first := "bailiwick anchors 1, 00000000000000000005 octets,"
	if s := string(file); !strings.HasPrefix(s, first) || !strings.HasSuffix(s, "\nhere\n") {
		t.Errorf("%q", s)
	}
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", st.Mode(), err)
	}
	left, _ := os.ReadDir(path)
	if len(left) != 1 {
		t.Errorf("files: %v", left)
	}
}

// A file in which one bit is another one, or that ends early, is not used. It stays for whoever
// wants to know what happened to it, and the next one is written in its place.
func TestDamagedStateIsKeptAsideAndIgnored(t *testing.T) {
	for _, c := range []struct {
		name   string
		damage func([]byte) []byte
	}{
		{"a bit", func(b []byte) []byte { b[len(b)-2] ^= 1; return b }},
		{"the end", func(b []byte) []byte { return b[:len(b)-1] }},
		{"more", func(b []byte) []byte { return append(b, 'x') }},
		{"the heading", func(b []byte) []byte { return b[:20] }},
		{"all", func([]byte) []byte { return nil }},
		{"another file", func(b []byte) []byte {
			return bytes.Replace(b, []byte("anchors 1"), []byte("mangoes 1"), 1)
		}},
	} {
		dir := t.TempDir()
		d, log := opened(t, dir)
		if err := d.Save(Anchors, text("what is trusted\n")); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "anchors")
		good, _ := os.ReadFile(path)
		if err := os.WriteFile(path, c.damage(good), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := content(d, Anchors); !errors.Is(err, errDamaged) || got != "" {
			t.Errorf("%s: %q, %v", c.name, got, err)
		}
		if !strings.Contains(log.String(), "state is not used") {
			t.Errorf("%s: log %s", c.name, log)
		}
		if _, err := os.Stat(path + ".damaged"); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if _, err := content(d, Anchors); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: it is found again: %v", c.name, err)
		}
		if err := d.Save(Anchors, text("new")); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// A file that a newer or an older program has written is not called damaged: after a downgrade it
// is kept, under the number of its version, for the program that is put back.
func TestStateOfAnotherVersionIsKeptByItsNumber(t *testing.T) {
	for version, want := range map[string]string{"anchors 9": "a newer program", "anchors 0": "",
		"anchors -1": "an older program"} {
		dir := t.TempDir()
		d, log := opened(t, dir)
		if err := d.Save(Anchors, text("what is trusted\n")); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "anchors")
		good, _ := os.ReadFile(path)
		other := bytes.Replace(good, []byte("anchors 1"), []byte(version), 1)
		if err := os.WriteFile(path, other, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := content(d, Anchors); err == nil || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %q, %v", version, got, err)
		}
		aside, damaged := ".version-"+version[len("anchors "):], false
		if want == "" { // there was never such a version
			aside, damaged = ".damaged", true
		}
		if !strings.Contains(log.String(), "state is not used") ||
			!strings.Contains(log.String(), want) ||
			strings.Contains(log.String(), "damaged") != damaged {
			t.Errorf("%s: log %s", version, log)
		}
		if kept, err := os.ReadFile(path + aside); err != nil || !bytes.Equal(kept, other) {
			t.Errorf("%s: %q, %v", version, kept, err)
		}
	}
}

// What cannot be written whole is not written at all: the file stays as it was. The log tells once
// when it begins, and once when it has passed; the metrics count.
func TestFailureToSaveLeavesTheOldFile(t *testing.T) {
	dir := t.TempDir()
	d, log := opened(t, dir)
	if err := d.Save(Anchors, text("old")); err != nil {
		t.Fatal(err)
	}
	full := errors.New("no space left on device")
	for range 3 {
		err := d.Save(Anchors, func(w io.Writer) error {
			_, _ = io.WriteString(w, "half of the n")
			return full
		})
		if !errors.Is(err, full) {
			t.Fatal(err)
		}
		if got, err := content(d, Anchors); got != "old" || err != nil {
			t.Fatalf("got %q, %v", got, err)
		}
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("unfinished files stay: %v", left)
	}
	if n := strings.Count(log.String(), "state is not saved"); n != 1 {
		t.Errorf("said %d times: %s", n, log)
	}
	if err := d.Save(Anchors, text("new")); err != nil {
		t.Fatal(err)
	}
	if got, _ := content(d, Anchors); got != "new" ||
		!strings.Contains(log.String(), "state is saved again") {
		t.Errorf("got %q, log %s", got, log)
	}
	if s := d.Status(Anchors); s.Succeeded != 2 || s.Lost != 3 {
		t.Errorf("%+v", s)
	}
}

// A directory that vanishes, as one on a disk that is mounted late, is made when it can be.
func TestDirectoryThatCannotBeMadeIsTriedAgain(t *testing.T) {
	parent := filepath.Join(t.TempDir(), "mount")
	if err := os.WriteFile(parent, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	d, log := opened(t, filepath.Join(parent, "state"))
	err := d.Save(Anchors, text("x"))
	if err == nil || !strings.Contains(log.String(), "tried again") {
		t.Fatalf("%v, log %s", err, log)
	}
	if err := os.Remove(parent); err != nil {
		t.Fatal(err)
	}
	if err := d.Save(Anchors, text("x")); err != nil {
		t.Fatal(err)
	}
	if got, err := content(d, Anchors); got != "x" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// Whoever may write to the directory decides what is trusted.
func TestDirectoryThatOthersMayWriteToIsRefused(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name            string
		path            string
		mode            os.FileMode
		wrong, doubtful string
	}{
		{"none", "", 0, "", ""},
		{"own", filepath.Join(dir, "own"), 0o700, "", ""},
		{"that others read", filepath.Join(dir, "read"), 0o755, "", ""},
		{"of everybody", filepath.Join(dir, "all"), 0o777, "everybody on this machine", ""},
		{"of a group", filepath.Join(dir, "group"), 0o770, "", "group"},
		{"to be made", filepath.Join(dir, "later"), 0, "", ""},
		{"without a parent", filepath.Join(dir, "a", "b"), 0, "no such file", ""},
		{"a file", file, 0, "is not a directory", ""},
	} {
		if c.mode != 0 {
			if err := os.Mkdir(c.path, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(c.path, c.mode); err != nil {
				t.Fatal(err)
			}
		}
		wrong, doubtful := Check(c.path)
		for want, got := range map[string]error{c.wrong: wrong, c.doubtful: doubtful} {
			if (want == "") != (got == nil) || got != nil && !strings.Contains(got.Error(), want) {
				t.Errorf("%s: got %v, %v", c.name, wrong, doubtful)
			}
		}
	}
}

// The directory of systemd is that of a service that has been told nothing else.
func TestDirectoryOfSystemdIsUsed(t *testing.T) {
	t.Setenv("STATE_DIRECTORY", "/var/lib/bailiwick:/var/lib/more")
	for set, want := range map[string]string{automatic: "/var/lib/bailiwick",
		"/srv/b": "/srv/b", "": ""} {
		if got := (Config{Directory: set}).Path(); got != want {
			t.Errorf("%q: got %q, want %q", set, got, want)
		}
	}
	t.Setenv("STATE_DIRECTORY", "")
	if got := Default().Path(); got != "" {
		t.Errorf("got %q", got)
	}
}

// Without a directory nothing is kept, which the log tells at the start.
func TestWithoutADirectoryStateIsInMemoryOnly(t *testing.T) {
	d, log := opened(t, "")
	if err := d.Save(Anchors, text("x")); err != nil {
		t.Error(err)
	}
	if _, err := content(d, Anchors); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if !strings.Contains(log.String(), "in memory only") || d.Status(Anchors) != (Status{}) {
		t.Errorf("log %s", log)
	}
}

// What a process left unfinished is removed by a later one, but not what another may be writing.
func TestUnfinishedFilesAreRemoved(t *testing.T) {
	dir := t.TempDir()
	old, young := filepath.Join(dir, "anchors.new-1"), filepath.Join(dir, "anchors.new-2")
	for _, path := range []string{old, young} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	long := time.Now().Add(-2 * abandoned)
	if err := os.Chtimes(old, long, long); err != nil {
		t.Fatal(err)
	}
	opened(t, dir)
	if left, _ := os.ReadDir(dir); len(left) != 1 || left[0].Name() != "anchors.new-2" {
		t.Errorf("files: %v", left)
	}
}

// A panic while a file is written leaves the old one, and nothing beside it.
func TestPanicLeavesTheOldFile(t *testing.T) {
	dir := t.TempDir()
	d, _ := opened(t, dir)
	if err := d.Save(Anchors, text("old")); err != nil {
		t.Fatal(err)
	}
	func() {
		defer func() { _ = recover() }()
		_ = d.Save(Anchors, func(io.Writer) error { panic("the writer") })
	}()
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("files: %v", left)
	}
	if got, err := content(d, Anchors); got != "old" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if err := d.Save(Anchors, text("new")); err != nil {
		t.Errorf("nothing can be saved any more: %v", err)
	}
}

func TestFilesHaveNames(t *testing.T) {
	for _, f := range All() {
		if f.String() == "" || definitions[f].version == 0 {
			t.Errorf("file %d has no name or no version", f)
		}
	}
}

// A file that is there and cannot be read is not lost by the next that is saved
// (TechnitiumSoftware/DnsServer 2096: settings that could not be read were replaced by the
// defaults, with the next change of one of them). Here the file is a link that leads to itself.
func TestUnreadableStateIsNotReplaced(t *testing.T) {
	path := t.TempDir()
	d, log := opened(t, path)
	at := filepath.Join(path, Changes.String())
	if err := os.Symlink(at, at); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := content(d, Changes); err == nil || errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("read: %v", err)
		}
	}
	if _, err := os.Lstat(at); err != nil {
		t.Errorf("before anything is saved: %v", err)
	}
	if err := d.Save(Changes, text("next")); err != nil {
		t.Fatal(err)
	}
	if to, err := os.Readlink(at + ".unread"); to != at || err != nil ||
		!strings.Contains(log.String(), "changes.unread") {
		t.Errorf("the file that could not be read is %q, %v; log %s", to, err, log)
	}
	if got, err := content(d, Changes); got != "next" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if err := d.Save(Changes, text("last")); err != nil {
		t.Fatal(err)
	}
	if to, err := os.Readlink(at + ".unread"); to != at || err != nil {
		t.Errorf("after what could be read: %q, %v", to, err)
	}
}
