// The report: what came of the queries, and how the server's needs changed.

package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
)

// report is what a run has shown.
type report struct {
	span          time.Duration
	race          bool // the server was built with -race
	load          *load
	before, after sample // without load
	samples       []sample
	used, refused int   // configurations
	changes       error // of reloads
	ended         error // of the server's end
	log           string
}

// enough is the span from which on growth says more than that caches fill.
const enough = 10 * time.Minute

// print writes the report; good reports whether everything was as it should be.
func (r *report) print(w io.Writer) (good bool) {
	good = true
	fail := func(format string, args ...any) {
		good = false
		fmt.Fprintf(w, "FAIL: "+format+"\n", args...)
	}
	fmt.Fprintf(w, "%v, %d configurations used, %d refused\n\n", r.span.Round(time.Second), r.used,
		r.refused)
	table(w, "over", r.load.byVia)
	table(w, "names", r.load.byKind)
	fmt.Fprintf(w, "%-10s %8s %8s %8s %8s %8s %8s\n", "time", "MiB", "gorout.", "descr.",
		"cache", "evicted", "CPU s")
	row := func(name string, s sample) {
		fmt.Fprintf(w, "%-10s %8.1f %8.0f %8.0f %8.2f %8.0f %8.1f\n", name, s.memory,
			s.goroutines, s.descriptors, s.cache, s.evictions, s.cpu)
	}
	row("before", r.before)
	for i := range min(12, len(r.samples)) {
		s := r.samples[(i+1)*len(r.samples)/min(12, len(r.samples))-1]
		row(s.at.Round(time.Second).String(), s)
	}
	row("after", r.after)
	fmt.Fprintf(w, "\n%-14s %12s %12s %12s %12s\n", "", "1st quarter", "4th quarter", "per hour",
		"most")
	for _, q := range quantities {
		t := trendOf(r.samples, q.of)
		fmt.Fprintf(w, "%-14s %12.1f %12.1f %+12.2f %12.1f\n", q.name, t.first, t.last, t.perHour,
			t.most)
		if r.span >= enough && t.grows(q.slack) && !(q.shown && r.race) {
			fail("%s: not flat", q.name)
		}
	}
	fmt.Fprintln(w)
	if !r.after.atRest(r.before) {
		fail("the server without load holds more than before it")
	}
	if n := len(r.samples); n == 0 || r.span >= enough && r.samples[n/10].evictions == 0 {
		fail("the cache was not full")
	}
	for _, err := range []error{r.changes, r.ended} {
		if err != nil {
			fail("%v", err)
		}
	}
	if r.log != "" {
		fail("in the log:\n%s", r.log)
	}
	for _, l := range r.load.late[:min(10, len(r.load.late))] {
		fmt.Fprintln(w, "late:", l)
	}
	for _, l := range r.load.lost[:min(50, len(r.load.lost))] {
		fmt.Fprintln(w, "lost:", l)
	}
	if n := len(r.load.lost); n > 0 {
		fail("%d queries without the right answer", n)
	}
	if good {
		fmt.Fprintln(w, "good")
	}
	return good
}

// table writes what came of queries.
func table(w io.Writer, title string, m map[string]*tally) {
	fmt.Fprintf(w, "%-10s %8s %8s %8s %8s %8s %10s %10s\n", title, "queries", "1st try", "2nd",
		"3rd", "lost", "p50", "p99")
	for _, k := range slices.Sorted(maps.Keys(m)) {
		t := m[k]
		fmt.Fprintf(w, "%-10s %8d %8d %8d %8d %8d %10v %10v\n", k,
			t.right[0]+t.right[1]+t.right[2]+t.lost, t.right[0], t.right[1], t.right[2], t.lost,
			t.quantile(0.5), t.quantile(0.99))
	}
	fmt.Fprintln(w)
}
