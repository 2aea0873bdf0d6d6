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

// TestRunbooksNameCommandsThatThereAre looks up each command of the runbooks, and of the pages that
// lead to them, with its flags, and each cause that the runbooks name.
func TestRunbooksNameCommandsThatThereAre(t *testing.T) {
	for _, page := range []string{"runbooks", "operations", "security", "tuning", "install",
		"first-hour"} {
		text, err := os.ReadFile("../../docs/" + page + ".md")
		if err != nil {
			t.Fatal(err)
		}
		commandsThatThereAre(t, page, string(text))
	}
	text, err := os.ReadFile("../../docs/runbooks.md")
	if err != nil {
		t.Fatal(err)
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

// commandsThatThereAre looks up the commands of a page.
func commandsThatThereAre(t *testing.T, page, text string) {
	t.Helper()
	quoted := regexp.MustCompile("`([^`]+)`")
	commands := 0
	for _, m := range quoted.FindAllStringSubmatch(text, -1) {
		words := strings.Fields(m[1])
		if len(words) < 2 || words[0] != "bailiwick" {
			continue
		}
		commands++
		cmd, rest, err := newRoot().Find(words[1:])
		if err != nil || cmd.HasSubCommands() && cmd.Run == nil && cmd.RunE == nil {
			t.Errorf("%s: %s: %v", page, m[1], err)
			continue
		}
		for _, w := range rest {
			name, ok := strings.CutPrefix(w, "--")
			if ok && cmd.Flags().Lookup(name) == nil && cmd.InheritedFlags().Lookup(name) == nil {
				t.Errorf("%s: %s: there is no flag %s", page, m[1], w)
			}
			word := w == strings.ToLower(w) && !ok && !strings.HasPrefix(w, "@")
			if word && cmd.HasSubCommands() {
				t.Errorf("%s: %s: there is no command %s", page, m[1], w)
			}
		}
	}
	if least := map[string]int{"runbooks": 30, "operations": 30}[page]; commands < least {
		t.Errorf("there are %d commands in %s", commands, page)
	}
}

// TestOperationsHaveEachAlert: whoever is called finds the alert in the table of operations, with
// its severity and its runbook.
func TestOperationsHaveEachAlert(t *testing.T) {
	rules, err := os.ReadFile("../../deploy/prometheus/bailiwick.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	alert := regexp.MustCompile(`(?s)- alert: (\w+)\n.*?severity: (\w+)`)
	found := alert.FindAllStringSubmatch(string(rules), -1)
	if len(found) < 15 {
		t.Fatalf("there are %d alerts", len(found))
	}
	for _, m := range found {
		row := regexp.MustCompile(`\| \[` + m[1] + `\]\(runbooks\.md#\w+\) \| ` + m[2] + ` \|`)
		if !row.Match(page) {
			t.Errorf("docs/operations.md has no row of %s with severity %s", m[1], m[2])
		}
	}
}
