package migrate_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bailiwick/internal/config"
	"bailiwick/internal/migrate"
	"bailiwick/internal/snapshot"
)

var rewrite = flag.Bool("rewrite", false, "write the expected output of whole files again")

// check is that of `bailiwick config check`.
func check(text []byte) config.Findings {
	c, found := config.ReadText("/bailiwick.yaml", text)
	_, more := snapshot.Load(c)
	return append(found, more...)
}

// convert converts a text, which has to come to a configuration without errors.
func convert(t testing.TB, from, text string) migrate.Result {
	t.Helper()
	path := filepath.Join(t.TempDir(), "source.conf")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := migrate.Convert(path, from, check)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	if err := check([]byte(r.Text)).Errors().Err(); err != nil {
		t.Fatalf("%q: %v in\n%s", text, err, r.Text)
	}
	return r
}

// TestWholeFiles converts files of real deployments.
func TestWholeFiles(t *testing.T) {
	var files []string
	for _, pattern := range []string{"testdata/*.conf", "testdata/*.yml"} {
		more, err := filepath.Glob(pattern)
		if files = append(files, more...); err != nil {
			t.Fatal(err)
		}
	}
	if len(files) < 14 {
		t.Error(files)
	}
	dir, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		r, err := migrate.Convert(filepath.Join(dir, filepath.Base(f)), "", check)
		if err != nil {
			t.Fatal(err)
		}
		if err := check([]byte(r.Text)).Errors().Err(); err != nil {
			t.Error(f, err)
		}
		got := strings.ReplaceAll(r.Text, dir, "/DIR")
		if *rewrite {
			if err := os.WriteFile(f+".yaml", []byte(got), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(f + ".yaml")
		if err != nil || got != string(want) {
			t.Errorf("%s: %v\ngot\n%s\nwant\n%s", f, err, got, want)
		}
	}
}

// TestUnknownFile has a file refused that no program's looks like.
func TestUnknownFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(path, []byte("hello\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := migrate.Convert(path, "", check); err == nil {
		t.Error("converted")
	}
}

// TestIncludeLimits has files refused that include themselves or too many.
func TestIncludeLimits(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	self := write("self.conf", "server:\n include: self.conf\n")
	for i := range 9 {
		write("deep"+string(rune('0'+i)), "include: deep"+string(rune('1'+i))+"\n")
	}
	deep := write("deep.conf", "server:\n include: deep0\n")
	many := write("many.conf", "server:\n"+strings.Repeat(" include: one.inc\n", 1001))
	write("one.inc", "")
	large := write("large.conf", "server:\n"+strings.Repeat("# much\n", 3<<20))
	for path, want := range map[string]string{self: "includes itself", deep: "more than 8 files",
		many: "more than 1000 files", large: "more than 16 MiB"} {
		if _, err := migrate.Convert(path, "unbound", check); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", path, err, want)
		}
	}
}
