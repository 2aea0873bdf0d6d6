package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestImportStatuses: 0 if nothing that matters is lost, 1 if something is, 2 after wrong use.
func TestImportStatuses(t *testing.T) {
	for _, test := range []struct {
		text string
		args []string
		want int
	}{
		{"server:\n port: 53\n num-threads: 2\n", nil, 0},
		{"server:\n made-up: 53\n", nil, 1},
		{"server:\n", []string{"--from", "unbind"}, statusUsage},
	} {
		path := filepath.Join(t.TempDir(), "x.conf")
		if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		root := newRoot()
		var out bytes.Buffer
		root.SetOut(&out)
		err := run(root, append([]string{"import", path}, test.args...))
		got := 0
		if exit := (*exitError)(nil); errors.As(err, &exit) {
			got = exit.code
		} else if err != nil {
			t.Error(err)
		}
		if got != test.want {
			t.Errorf("%q %v: status %d, want %d: %v", test.text, test.args, got, test.want, err)
		}
		if got < statusUsage && !strings.Contains(out.String(), "replace: true") {
			t.Errorf("%q: %s", test.text, &out)
		}
	}
}
