package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"bailiwick/internal/cause"
)

// printed runs a command line and returns what it prints.
func printed(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	root := newRoot()
	root.SetOut(&out)
	root.SetErr(&out)
	err := run(root, args)
	return out.String(), err
}

// The commands list every cause, in both forms, and tell all there is of one.
func TestCausesListsAll(t *testing.T) {
	text, err := printed(t, "causes")
	if err != nil {
		t.Fatal(err)
	}
	asJSON, err := printed(t, "causes", "--json")
	if err != nil {
		t.Fatal(err)
	}
	var rows []causeRow
	if err := json.Unmarshal([]byte(asJSON), &rows); err != nil {
		t.Fatal(err)
	}
	if len(rows) != len(cause.All()) || strings.Count(text, "\n") != len(rows)+1 {
		t.Errorf("%d objects and %d lines of %d causes", len(rows), strings.Count(text, "\n")-1,
			len(cause.All()))
	}
	for _, r := range rows {
		one, err := printed(t, "causes", r.Label)
		if err != nil || !strings.Contains(one, r.Meaning) || !strings.Contains(one, r.Remedy) ||
			!strings.Contains(one, r.By) {
			t.Errorf("%s: %v\n%s", r.Label, err, one)
		}
	}
	if _, err := printed(t, "causes", "ds_mismach"); err == nil ||
		!strings.Contains(err.Error(), "did you mean ds_mismatch?") {
		t.Errorf("a cause that there is not: %v", err)
	}
}

// What a cause is shown by exists: the command, and the metric that it names.
func TestCausesAreShownByCommandsThatExist(t *testing.T) {
	metrics, err := os.ReadFile("../../docs/reference/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cause.All() {
		words := strings.Fields(c.Shows())
		cmd, rest, err := newRoot().Find(words[1:])
		if err != nil || cmd.RunE == nil || !cmd.HasParent() {
			t.Errorf("%s: %q is not a command: %v", c, c.Shows(), err)
			continue
		}
		for _, word := range rest {
			if strings.HasPrefix(word, "bailiwick_") && !strings.Contains(string(metrics),
				"`"+word) {
				t.Errorf("%s: no metric begins with %s", c, word)
			}
		}
	}
}
