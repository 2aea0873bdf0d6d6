// Command mutate shows that tests protect the rules. It takes the rules that .ci/mutants lists out
// of the code, one at a time, and runs the test that is named after each: it must fail.
//
// The rules are named by people. What tools find by themselves (other operators, dropped
// statements) is many times as much, and says nothing of which of it an adversary could use.
package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	only := flag.String("only", "", "only mutants whose name matches this `regexp`")
	part := flag.Int("part", -1,
		fmt.Sprintf("check all, try one of %d parts of the list: the `N`th, modulo that", parts))
	report := flag.String("report", "",
		"write the report to this `file` and not to standard output")
	passed := flag.String("passed", "",
		"what go test -v ./... has just said, a `file`: what passed there is not run again")
	check := flag.Bool("check", false, "run nothing: see whether texts and tests are in place")
	jobs := flag.Int("j", runtime.NumCPU(), "how many to try at a time")
	flag.Parse()

	root, err := moduleRoot()
	if err != nil {
		return err
	}
	all, err := readLists(filepath.Join(root, ".ci", "mutants"))
	if err != nil {
		return err
	}
	list, err := choose(all, *only, *part)
	if err != nil {
		return err
	}
	checked := list
	if *part >= 0 { // a commit's: it may have broken any
		checked = all
	}
	var faults []error
	for _, m := range checked {
		faults = append(faults, m.check(root))
	}
	if err := errors.Join(faults...); err != nil {
		return err
	}
	if err := checkTypes(root, checked, *jobs); err != nil || *check {
		return err
	}
	before, err := readPassed(root, *passed)
	if err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	r := &runner{root: root, scratch: scratch, limit: testLimit, all: map[string]*mutant{}}
	for _, m := range all {
		r.all[m.name] = m
	}

	began := time.Now()
	if err := r.baselines(list, before); err != nil {
		return err
	}
	usual, err := usualCache()
	if err != nil {
		return err
	}
	if r.cache, err = newBuildCache(filepath.Join(scratch, "cache"), usual); err != nil {
		return err
	}
	results := r.tryAll(list, *jobs)
	out := io.Writer(os.Stdout)
	if *report != "" {
		f, err := os.Create(*report)
		if err != nil {
			return err
		}
		defer f.Close()
		out = f
	}
	writeReport(out, results, time.Since(began))
	for _, res := range results {
		faults = append(faults, res.err)
	}
	return errors.Join(faults...)
}

// parts is in how many parts the list is divided. One takes three minutes on two cores.
const parts = 20

// choose returns the mutants that are asked for; with a part below zero, those of all parts.
func choose(all []*mutant, only string, part int) ([]*mutant, error) {
	re, err := regexp.Compile(only)
	if err != nil {
		return nil, err
	}
	var list []*mutant
	for i, m := range all {
		if re.MatchString(m.name) && (part < 0 || i%parts == part%parts) {
			list = append(list, m)
		}
	}
	if len(list) == 0 {
		return nil, errors.New("no mutant is of that name")
	}
	return list, nil
}

// baselines runs the tests of all mutants with every rule in its place, but for those that have
// passed before.
func (r *runner) baselines(list []*mutant, before passes) error {
	tests := map[string][]string{}
	for _, m := range list {
		if !before[m.pkg][spoken(m.test)] && !slices.Contains(tests[m.pkg], m.test) {
			tests[m.pkg] = append(tests[m.pkg], m.test)
		}
	}
	var faults []error
	for pkg, names := range tests {
		faults = append(faults, r.baseline(pkg, names))
	}
	return errors.Join(faults...)
}

// passes are the tests that have passed, by package.
type passes map[string]map[string]bool

// readPassed reads what go test -v says of a module's packages; nothing if no file is named.
func readPassed(root, file string) (passes, error) {
	all, names := passes{}, map[string]bool{}
	if file == "" {
		return all, nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	module, err := moduleName(root)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(b)) {
		words := strings.Fields(line)
		switch {
		case len(words) > 3 && words[0] == "---" && words[1] == "PASS:":
			names[words[2]] = true
		case len(words) > 2 && words[0] == "ok": // a package ends
			rel, ok := strings.CutPrefix(words[1], module)
			if ok && !strings.Contains(line, "[no tests") {
				all["."+rel] = names
			}
			names = map[string]bool{}
		case len(words) > 1 && words[0] == "FAIL":
			names = map[string]bool{}
		}
	}
	return all, nil
}

// moduleName returns the name of the module of a folder.
func moduleName(root string) (string, error) {
	b, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(b)) {
		if name, ok := strings.CutPrefix(line, "module "); ok {
			return strings.TrimSpace(name), nil
		}
	}
	return "", errors.New("go.mod names no module")
}

// A result is what came of one mutant.
type result struct {
	*mutant
	outcome
	took time.Duration
	err  error
}

// tryAll tries mutants, some at a time, and returns the results in the order of the list.
func (r *runner) tryAll(list []*mutant, jobs int) []result {
	results := make([]result, len(list))
	each(len(list), jobs, func(i int) {
		began := time.Now()
		o, err := r.try(list[i])
		results[i] = result{list[i], o, time.Since(began), err}
		fmt.Fprintf(os.Stderr, "%-15s %s\n", o, list[i].name)
	})
	return results
}

// each does something for the numbers below n, some at a time.
func each(n, jobs int, do func(i int)) {
	next := make(chan int)
	var wg sync.WaitGroup
	for range max(1, jobs) {
		wg.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}

// writeReport writes a table of all results, by rule, and their sum.
func writeReport(w io.Writer, results []result, took time.Duration) {
	var sum [4]int
	for _, r := range results {
		sum[r.outcome]++
	}
	fmt.Fprintf(w, "# Rules and the tests that protect them\n\n")
	fmt.Fprintf(w, "%d mutants in %d s: %d killed, %d proven harmless, %d survived, "+
		"%d not judged.\n\n",
		len(results), int(took.Seconds()), sum[killed], sum[harmless], sum[survived],
		sum[unchecked])
	fmt.Fprintf(w, "| rule | mutant | test | outcome | seconds |\n|---|---|---|---|---|\n")
	sorted := slices.Clone(results)
	slices.SortStableFunc(sorted, func(a, b result) int { return cmp.Compare(a.rule, b.rule) })
	for _, r := range sorted {
		fmt.Fprintf(w, "| %s | %s, `%s` | `%s` %s | %s | %.1f |\n",
			r.rule, r.name, r.file, r.pkg, r.test, r.outcome, r.took.Seconds())
	}
}

// moduleRoot returns the folder of go.mod at or above the current one.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("there is no go.mod here or above")
		}
		dir = up
	}
}
