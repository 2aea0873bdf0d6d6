package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

const (
	testLimit  = "60s"           // how long a test may take, as go test has it
	totalLimit = 5 * time.Minute // how long building and running one may take
)

// patience is the environment of tests of real processes: without a rule, many wait for what never
// comes (internal/lab/testtime).
const patience = "TEST_PATIENCE=20s"

// An outcome is what came of a mutant.
type outcome int

const (
	killed    outcome = iota // the test noticed
	harmless                 // the test notices when the rule and a second guard are both gone
	survived                 // no test noticed
	unchecked                // the mutant cannot be judged: its text, its test or the build
)

func (o outcome) String() string {
	return [...]string{"killed", "proven harmless", "survived", "not judged"}[o]
}

// A runner tries mutants in one tree, which it does not write to.
type runner struct {
	root    string // the module's folder
	scratch string // a folder of its own
	limit   string // how long a test may take
	cache   *buildCache
	tests   testPackages
	all     map[string]*mutant
}

// try takes the mutant's rule out and runs its test.
func (r *runner) try(m *mutant) (outcome, error) {
	noticed, err := r.run(m.name, m)
	switch {
	case err != nil:
		return unchecked, err
	case m.behind == "" && noticed:
		return killed, nil
	case m.behind == "":
		return survived, fmt.Errorf("%s: mutant %s: %s passes without the rule: %s",
			m.where, m.name, m.test, m.rule)
	case noticed:
		return unchecked, fmt.Errorf("%s: mutant %s: the test fails without this rule "+
			"alone, so no second guard is behind it", m.where, m.name)
	}
	noticed, err = r.run(m.name+"+"+m.behind, m, r.all[m.behind])
	if err != nil {
		return unchecked, err
	}
	if !noticed {
		return survived, fmt.Errorf("%s: mutant %s: %s passes without the rule and without %s",
			m.where, m.name, m.test, m.behind)
	}
	return harmless, nil
}

// run runs the first mutant's test without the rules of all, and reports whether it failed. The
// test is built alone; where that does not build, as are names that say something else than what
// they seem to, it is built with all tests of its package.
func (r *runner) run(name string, ms ...*mutant) (noticed bool, err error) {
	m := ms[0]
	out, err := r.runWith(name, ms, true)
	if unbuilt(out) {
		out, err = r.runWith(name, ms, false)
	}
	var exit *exec.ExitError
	switch {
	case unbuilt(out):
		return false, fmt.Errorf("%s: mutant %s does not build:\n%s", m.where, name, out)
	case strings.Contains(out, "panic: test timed out") && !m.hangs:
		return false, fmt.Errorf("%s: mutant %s: %s does not end. If that is how it "+
			"notices, say \"hangs: true\"", m.where, name, m.test)
	case err == nil:
		return false, nil
	case errors.As(err, &exit) && strings.Contains(out, "FAIL"):
		return true, nil
	}
	return false, fmt.Errorf("%s: mutant %s: %w\n%s", m.where, name, err, out)
}

// runWith runs the first mutant's test without the rules of all, and returns what it says.
func (r *runner) runWith(name string, ms []*mutant, alone bool) (string, error) {
	overlay, err := r.overlay(name, ms, alone)
	if err != nil {
		return "", err
	}
	return r.cache.use(func() (string, error) {
		return r.goTest(r.cache.dir, "-overlay="+overlay, "-run="+pattern(ms[0].test), ms[0].pkg)
	})
}

// unbuilt reports whether the go command could not build the test.
func unbuilt(out string) bool {
	return strings.Contains(out, "[build failed]") || strings.Contains(out, "[setup failed]")
}

// overlay writes the files without the rules, and what tells the go command to take them in place
// of those of the tree (go help build, -overlay). With alone, they have the first one's test and no
// other.
func (r *runner) overlay(name string, ms []*mutant, alone bool) (string, error) {
	dir := filepath.Join(r.scratch, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	edited := map[string]string{}
	if alone {
		tests, err := r.tests.of(filepath.Join(r.root, ms[0].pkg))
		if err != nil {
			return "", err
		}
		edited = tests.lean(ms[0].test)
		for _, m := range ms {
			delete(edited, filepath.Join(r.root, m.file)) // a rule of a test's own
		}
	}
	for _, m := range ms {
		file := filepath.Join(r.root, m.file)
		src, ok := edited[file]
		if !ok {
			b, err := os.ReadFile(file)
			if err != nil {
				return "", err
			}
			src = string(b)
		}
		src, err := m.apply(src)
		if err != nil {
			return "", err
		}
		edited[file] = src
	}
	replace := map[string]string{}
	for file, src := range edited {
		replace[file] = filepath.Join(dir, fmt.Sprint(len(replace))+filepath.Base(file))
		if err := os.WriteFile(replace[file], []byte(src), 0o644); err != nil {
			return "", err
		}
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "overlay.json")
	return path, os.WriteFile(path, b, 0o644)
}

// baseline runs all tests that a package's mutants name with every rule in its place. It returns
// those that do not pass, or that do not run.
func (r *runner) baseline(pkg string, tests []string) error {
	var roots []string
	for _, t := range tests {
		root, _, _ := strings.Cut(t, "/")
		roots = append(roots, regexp.QuoteMeta(root))
	}
	out, err := r.goTest("", "-v", "-run=^("+strings.Join(roots, "|")+")$", pkg)
	for _, t := range tests {
		if !strings.Contains(out, "--- PASS: "+spoken(t)+" (") {
			err = errors.Join(err, fmt.Errorf("%s: %s does not pass with all rules in place", pkg,
				t))
		}
	}
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// goTest runs go test with a cache, the usual one if it is empty. Its binaries are not kept: they
// need no symbols.
func (r *runner) goTest(cache string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), totalLimit)
	defer cancel()
	args = append([]string{"test", "-count=1", "-vet=off", "-ldflags=-s -w",
		"-timeout=" + r.limit}, args...)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = r.root
	if cache != "" { // a mutant
		cmd.Env = append(os.Environ(), "GOCACHE="+cache, patience)
	}
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// spoken returns the name of a test as go test says it.
func spoken(test string) string { return strings.ReplaceAll(test, " ", "_") }

// pattern returns what go test -run takes for one test, or one of its subtests.
func pattern(test string) string {
	parts := strings.Split(test, "/")
	for i, p := range parts {
		parts[i] = "^" + regexp.QuoteMeta(spoken(p)) + "$"
	}
	return strings.Join(parts, "/")
}
