package main

import (
	"os"
	"path/filepath"
	"testing"
)

// What mutants build is gone after some of them. The usual cache has never heard of
// it, and keeps what it had: also where a mutant has written another index entry.
func TestBuildCacheEnds(t *testing.T) {
	usual := filepath.Join(t.TempDir(), "go-build")
	for name, text := range map[string]string{"0a/1-a": "one", "0a/2-d": "two",
		"fuzz/m/FuzzName/3": "three"} {
		writeFile(t, filepath.Join(usual, name), text)
	}
	c, err := newBuildCache(filepath.Join(t.TempDir(), "cache"), usual)
	if err != nil {
		t.Fatal(err)
	}
	mutant := func() (string, error) {
		writeFile(t, filepath.Join(c.dir, "0a/1-a"), "another")
		writeFile(t, filepath.Join(c.dir, "0b/4-d"), "of a mutant")
		return "", nil
	}
	for range sweepEvery {
		if _, err := c.use(mutant); err != nil {
			t.Fatal(err)
		}
	}
	if got := texts(t, c.dir); got["0b/4-d"] == "" || got["0a/2-d"] != "two" {
		t.Errorf("before the sweep: %v", got)
	}
	if _, err := c.use(func() (string, error) { return "", nil }); err != nil {
		t.Fatal(err)
	}
	if got := texts(t, c.dir); len(got) != 2 || got["0a/2-d"] != "two" {
		t.Errorf("after the sweep: %v", got)
	}
	if got := texts(t, filepath.Dir(usual)); len(got) != 3 || got["go-build/0a/1-a"] != "one" ||
		got["go-build/0a/2-d"] != "two" {
		t.Errorf("at the end: %v", got)
	}
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// texts returns the files below a folder with what is in them.
func texts(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		all[name] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
