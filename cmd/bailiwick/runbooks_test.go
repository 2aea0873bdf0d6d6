package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"bailiwick/internal/cause"
)

// TestRunbooksHaveEachKindOfCause: whoever reads a cause in a log, an answer or a metric finds a
// section for its kind, with all that a runbook has.
func TestRunbooksHaveEachKindOfCause(t *testing.T) {
	text, err := os.ReadFile("../../docs/runbooks.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cause.All() {
		title := "\n## " + runbookTitle(c.Kind()) + "\n"
		_, rest, ok := strings.Cut(string(text), title)
		if !ok {
			t.Errorf("%s has no section %q", c.Label(), title)
			continue
		}
		section, _, _ := strings.Cut(rest, "\n## ")
		for _, part := range []string{"Look", "Likely", "Do", "Verify"} {
			if !strings.Contains(section, "- **"+part+"**: ") {
				t.Errorf("%q has no %s", title, part)
			}
		}
	}
}

// TestRunbooksNameCommandsThatThereAre looks up each command of the runbooks, with its flags, and
// each cause that they name.
func TestRunbooksNameCommandsThatThereAre(t *testing.T) {
	text, err := os.ReadFile("../../docs/runbooks.md")
	if err != nil {
		t.Fatal(err)
	}
	quoted := regexp.MustCompile("`([^`]+)`")
	commands := 0
	for _, m := range quoted.FindAllStringSubmatch(string(text), -1) {
		words := strings.Fields(m[1])
		if len(words) < 2 || words[0] != "bailiwick" {
			continue
		}
		commands++
		cmd, rest, err := newRoot().Find(words[1:])
		if err != nil || cmd.HasSubCommands() && cmd.Run == nil && cmd.RunE == nil {
			t.Errorf("%s: %v", m[1], err)
			continue
		}
		for _, w := range rest {
			name, ok := strings.CutPrefix(w, "--")
			if ok && cmd.Flags().Lookup(name) == nil && cmd.InheritedFlags().Lookup(name) == nil {
				t.Errorf("%s: there is no flag %s", m[1], w)
			}
			word := w == strings.ToLower(w) && !ok && !strings.HasPrefix(w, "@")
			if word && cmd.HasSubCommands() {
				t.Errorf("%s: there is no command %s", m[1], w)
			}
		}
	}
	if commands < 30 {
		t.Errorf("there are %d commands in the runbooks", commands)
	}
	labels := causeLabels()
	_, kinds, _ := strings.Cut(string(text), "# Runbooks by kind of cause")
	words := regexp.MustCompile("`([a-z0-9]+(?:_[a-z0-9]+)+)`")
	for _, m := range words.FindAllStringSubmatch(kinds, -1) {
		if !slices.Contains(labels, m[1]) && m[1] != "proxy_from" &&
			!strings.HasPrefix(m[1], "bailiwick_") {
			t.Errorf("there is no cause %s", m[1])
		}
	}
}
