package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestServeLog: a log in a file never grows beyond its size, and has what the server failed with.
func TestServeLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bailiwick.log")
	failed := errors.New("the port is taken")
	line := strings.Repeat("x", 1<<20)
	err := logged(path, io.Discard, func(log io.Writer) error {
		for range 10 * logSize / len(line) {
			if _, err := fmt.Fprintln(log, line); err != nil {
				return err
			}
		}
		return failed
	})
	if !errors.Is(err, failed) {
		t.Error(err)
	}
	text, err := os.ReadFile(path)
	if err != nil || !strings.HasSuffix(string(text), "bailiwick: the port is taken\n") {
		t.Errorf("%v, %d octets", err, len(text))
	}
	var sum int64
	all, err := filepath.Glob(path + "*")
	if err != nil || len(all) != logKept+2 { // with that of crashes
		t.Errorf("%v, %v", all, err)
	}
	for _, f := range all {
		st, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		sum += st.Size()
	}
	if sum > (logKept+1)*logSize {
		t.Errorf("%d octets", sum)
	}
	if err := logged(filepath.Join(path, "no", "folder"), io.Discard, nil); err == nil {
		t.Error("a log that cannot be written is one")
	}
}
