package main

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// world writes a module with one rule behind another, and one that no test needs.
func world(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module m\n\ngo 1.26.0\n",
		"m.go": `package m

const MaxNames = 3

func Outer(n int) bool { return n <= MaxNames && Inner(n) }

func Inner(n int) bool { return n <= 3 && n != 2 }
`,
		"limits_test.go": `package m

import "testing"

func TestMaxNames(t *testing.T) {
	if Outer(4) {
		t.Fatal("four")
	}
}

func TestRFC1IsNotTwo(t *testing.T) {
	for range 3 {
		if Inner(2) {
			t.Fatal("two")
		}
	}
}
`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const list = `# A comment.
mutant: two
rule: RFC 1, 2.3: two is refused
file: m.go
text: n != 2
becomes: true
test: . TestRFC1IsNotTwo

mutant: outer
rule: MaxNames: more are refused
file: m.go
text: n <= MaxNames &&
test: . TestMaxNames
behind: inner

mutant: inner
rule: MaxNames: what is inside refuses more as well
file: m.go
text: n <= 3 &&
test: . TestMaxNames
behind: outer

mutant: alone
rule: MaxNames: inner alone
file: m.go
text: n <= 3 &&
test: . TestMaxNames

mutant: broken
rule: MaxNames: does not build
file: m.go
text: func Inner
becomes: func
test: . TestMaxNames

mutant: endless
rule: RFC 1: the test never ends
file: limits_test.go
text: for range 3 {
becomes: for {
test: . TestRFC1IsNotTwo
`

// Each mutant of a list that has one of each kind ends as its name says.
func TestOutcomes(t *testing.T) {
	dir := world(t)
	all, err := parse("list", []byte(list))
	if err != nil {
		t.Fatal(err)
	}
	r := &runner{root: dir, scratch: t.TempDir(), all: map[string]*mutant{}, limit: "2s"}
	for _, m := range all {
		r.all[m.name] = m
		if err := m.check(dir); err != nil {
			t.Error(err)
		}
	}
	if err := r.baselines(all, nil); err != nil {
		t.Fatal(err)
	}
	usual, err := usualCache()
	if err != nil {
		t.Fatal(err)
	}
	r.cache = &buildCache{dir: usual} // too few are tried for a sweep
	for name, want := range map[string]outcome{"two": killed, "outer": harmless, "inner": harmless,
		"alone": survived, "broken": unchecked, "endless": unchecked} {
		if got, err := r.try(r.all[name]); got != want || (err == nil) != (want < survived) {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
	r.all["endless"].hangs = true
	if got, err := r.try(r.all["endless"]); got != killed || err != nil {
		t.Errorf("endless, said to hang: %s, %v", got, err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "m.go"))
	if err != nil || !strings.Contains(string(b), "n != 2") {
		t.Errorf("the tree was written to: %v", err)
	}
}

// What a list says is found wanting before anything runs.
func TestCheck(t *testing.T) {
	dir := world(t)
	for _, c := range []struct{ change, to, want string }{
		{"text: n != 2", "text: n != 9", "its text is not in m.go"},
		{"text: n != 2", "text: n <= ", "its text is in m.go 2 times"},
		{"text: n != 2", "text: n <= \nnth: 3", "its text is in m.go 2 times only"},
		{"text: n != 2", "text: n <= \nnth: 2", ""},
		{"TestRFC1IsNotTwo", "TestGone", "there is no test TestGone"},
		{"rule: RFC 1,", "rule: RFC 2,", "is named after the rule, RFC 2"},
		{"rule: RFC 1, 2.3:", "rule: limits:", ""}, // the file is
		{"file: m.go", "file: gone.go", "gone.go"},
	} {
		one, _, _ := strings.Cut(list, "\n\n")
		all, err := parse("list", []byte(strings.Replace(one, c.change, c.to, 1)))
		if err != nil {
			t.Fatal(err)
		}
		err = all[0].check(dir)
		if err == nil {
			err = errors.New("nothing")
		}
		if !strings.Contains(err.Error(), cmp.Or(c.want, "nothing")) {
			t.Errorf("%s: %v, want %q", c.to, err, c.want)
		}
	}
}

// A mutant that the compiler refuses is found before anything runs.
func TestCheckTypes(t *testing.T) {
	dir := world(t)
	if err := os.Mkdir(filepath.Join(dir, "other"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "other", "o.go"), []byte(`package other

import "m"

func Few(n int) bool {
	more := n + 1
	return m.Outer(more)
}
`), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ file, text, becomes, want string }{
		{"m.go", "n != 2", "true", ""},
		{"m.go", "func Inner", "func", "m.go:7:"},
		{"m.go", "n != 2", "n", "mismatched types"},
		{"m.go", "MaxNames && Inner(n)", "MaxNames && inner(n)", "undefined: inner"},
		{"other/o.go", "m.Outer(more)", "m.Outer(more) || true", ""},
		{"other/o.go", "m.Outer(more)", "m.Outer(n)", "declared and not used: more"},
		{"other/o.go", "m.Outer(more)", "more == 1", `"m" imported and not used`},
		{"limits_test.go", "range 3", "range nothing", ""}, // tests are not looked at
		{"go.mod", "module m", "module n", ""},
	} {
		m := &mutant{name: "one", file: c.file, text: c.text, becomes: c.becomes, where: "list:1"}
		err := checkTypes(dir, []*mutant{m}, 2)
		if err == nil {
			err = errors.New("nothing")
		}
		if !strings.Contains(err.Error(), cmp.Or(c.want, "nothing")) {
			t.Errorf("%s becomes %s: %v, want %q", c.text, c.becomes, err, c.want)
		}
	}
}

// The project's own lists are true of its code: who moves a rule, or renames a test, is told at
// once, and takes the mutant along.
func TestListsFitTheCode(t *testing.T) {
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	all, err := readLists(filepath.Join(root, ".ci", "mutants"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		if err := m.check(root); err != nil {
			t.Error(err)
		}
	}
}

func TestParse(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"mutant: a\n", "list:1: a mutant needs"},
		{"# none\nmutant a\n", "list:2: not of the form"},
		{"mutant: a\nfule: x\n", `list:2: there is no key "fule"`},
		{"mutant: a\nbecomes: x\nbecomes: y\n", "list:3: becomes is there already"},
		{"mutant: a\ntest: TestA\n", "list:2: a test is a package and a name"},
	} {
		_, err := parse("list", []byte(c.text))
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.text, err, c.want)
		}
	}
	all, err := parse("list", []byte("mutant: a\nrule: r\nfile: f\n"+
		"text:\n\tone\n\t\ttwo\nbecomes:\ntest: ./p T/a b\n"))
	if err != nil || len(all) != 1 || all[0].text != "one\n\ttwo" ||
		pattern(all[0].test) != "^T$/^a_b$" {
		t.Errorf("%+v, %v", all, err)
	}
}

// All parts are the whole list, each mutant once.
func TestParts(t *testing.T) {
	var all []*mutant
	for range 2*parts + 3 {
		all = append(all, &mutant{name: "m"})
	}
	n := 0
	for part := range parts {
		list, err := choose(all, "", part+3*parts)
		if err != nil {
			t.Fatal(err)
		}
		n += len(list)
	}
	if n != len(all) {
		t.Errorf("%d of %d", n, len(all))
	}
}
