package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// leanWorld is a module whose one test needs what nothing seems to use.
var leanWorld = map[string]string{
	"go.mod": "module m\n\ngo 1.26.0\n",
	"m.go":   "package m\n\ntype Name string\n",
	"a_test.go": `package m

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
)

var (
	began   bool
	entered bool
)

func init() { began = true }

// rewrite is looked up by its name alone.
var rewrite = flag.Bool("rewrite", false, "")

func TestMain(m *testing.M) {
	flag.Parse()
	entered = true
	os.Exit(m.Run())
}

type (
	unused int
	loud   string
)

// String is called by package fmt.
func (l loud) String() string { return string(l) + "!" }

// Plain is called by an interface.
func (n Name) Plain() string { return string(n) }

// Twice is, too.
func (n Name) Twice() string { return string(n + n) }

func TestWanted(t *testing.T) {
	n, ok := any(Name("a")).(interface {
		Plain() string
		Twice() string
	})
	if !began || !entered || flag.Lookup("rewrite") == nil || !ok || n.Twice() != "aa" ||
		fmt.Sprint(loud("a")) != "a!" || helped() != 3 {
		t.Fatal("something is missing")
	}
	out, err := exec.Command(os.Args[0], "-test.run=^TestAgain$", "-test.v").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestAgain") {
		t.Fatalf("%s: %v", out, err)
	}
}

func TestAgain(t *testing.T) { t.Log(rand.N(2)) }
`,
	"b_test.go": `package m

import "testing"
import "math/rand/v2"
import _ "embed"

func helped() int { return helpedBy + 1 }

const helpedBy = 2

// TestOther needs what TestWanted does not.
func TestOther(t *testing.T) { t.Log(rand.N(2), onlyOther) }

var onlyOther = 1
`,
	"c_test.go": `package m_test

import (
	"testing"

	"m"
)

func TestOutside(t *testing.T) { t.Log(m.Name("a")) }
`,
}

// A test passes when it is built alone, with what only seems unused; what it does not need is gone.
func TestLean(t *testing.T) {
	dir := t.TempDir()
	for name, text := range leanWorld {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	usual, err := usualCache()
	if err != nil {
		t.Fatal(err)
	}
	r := &runner{root: dir, scratch: t.TempDir(), limit: testLimit,
		cache: &buildCache{dir: usual}}
	none := &mutant{name: "none", file: "m.go", text: "Name", becomes: "Name", pkg: ".",
		test: "TestWanted"}
	out, err := r.runWith("none", []*mutant{none}, true)
	if err != nil || !strings.HasPrefix(out, "ok") {
		t.Errorf("alone: %v\n%s", err, out)
	}
	tests, err := r.tests.of(dir)
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, text := range tests.lean("TestWanted") {
		texts = append(texts, text)
	}
	all := strings.Join(texts, "\n")
	for _, gone := range []string{"TestOther", "onlyOther", "TestOutside", `"m"`} {
		if strings.Contains(all, gone) {
			t.Errorf("%s is still there:\n%s", gone, all)
		}
	}
}

// Where names deceive, the test is built with the whole package: the rule is judged all the same.
func TestLeanFallsBack(t *testing.T) {
	dir := world(t)
	odd := filepath.Join(dir, "odd")
	if err := os.Mkdir(odd, 0o755); err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{
		filepath.Join(odd, "odd.go"): "package even\n\nfunc Four() int { return 4 }\n",
		filepath.Join(dir, "odd_test.go"): `package m

import (
	"testing"

	"m/odd"
)

func TestMaxNamesOfAnother(t *testing.T) {
	if Outer(even.Four()) {
		t.Fatal("four")
	}
}
`,
	} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	usual, err := usualCache()
	if err != nil {
		t.Fatal(err)
	}
	r := &runner{root: dir, scratch: t.TempDir(), limit: testLimit,
		cache: &buildCache{dir: usual}}
	m := &mutant{name: "odd", file: "m.go", text: "MaxNames = 3", becomes: "MaxNames = 3", pkg: ".",
		test: "TestMaxNamesOfAnother"}
	if got, err := r.try(m); got != survived {
		t.Errorf("%s, %v", got, err)
	}
}

// Tests that have just passed are not run for a baseline; those of a package that failed are.
func TestPassed(t *testing.T) {
	dir := world(t)
	file := filepath.Join(t.TempDir(), "tests")
	said := `=== RUN   TestMaxNames
--- PASS: TestMaxNames (0.00s)
=== RUN   TestRFC1IsNotTwo
    --- PASS: TestRFC1IsNotTwo/of_two (0.00s)
--- SKIP: TestSkipped (0.00s)
PASS
ok  	m	0.01s
--- PASS: TestThere (0.00s)
FAIL	m/failed	0.01s
--- PASS: TestDeep (0.00s)
ok  	m/deep	(cached)
?   	m/none	[no test files]
`
	if err := os.WriteFile(file, []byte(said), 0o644); err != nil {
		t.Fatal(err)
	}
	before, err := readPassed(dir, file)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		pkg, test string
		want      bool
	}{
		{".", "TestMaxNames", true},
		{".", "TestRFC1IsNotTwo/of two", true},
		{".", "TestSkipped", false},
		{"./failed", "TestThere", false},
		{"./deep", "TestDeep", true},
		{"./deep", "TestThere", false},
		{"./deep", "TestMaxNames", false},
		{"./none", "TestDeep", false},
	} {
		if got := before[c.pkg][spoken(c.test)]; got != c.want {
			t.Errorf("%s %s: %v", c.pkg, c.test, got)
		}
	}
	r := &runner{root: dir, scratch: t.TempDir(), limit: testLimit}
	gone := []*mutant{{pkg: ".", test: "TestGone"}}
	if r.baselines(gone, before) == nil {
		t.Error("a test that has not passed is taken to have")
	}
	if err := r.baselines([]*mutant{{pkg: ".", test: "TestMaxNames"}}, before); err != nil {
		t.Error(err)
	}
	if before, err = readPassed(dir, ""); err != nil || len(before) > 0 {
		t.Errorf("without a file: %v, %v", before, err)
	}
}
