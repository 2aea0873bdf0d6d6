// Measures of the server's process, and whether they are flat.

package main

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"
)

// sample is what the server uses at a time.
type sample struct {
	at          time.Duration
	memory      float64 // resident, MiB
	heap        float64 // of Go, with the stacks, MiB
	goroutines  float64
	descriptors float64
	cache       float64 // MiB
	evictions   float64
	cpu         float64 // seconds
}

// get reads a page of the admin listener.
func (p *process) get(path string) (string, error) {
	c := http.Client{Timeout: 20 * time.Second}
	r, err := c.Get("http://" + p.admin + path)
	if err != nil {
		return "", err
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err == nil && r.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", path, r.Status)
	}
	return string(b), err
}

// metric returns the sum of the metrics whose line begins with a prefix.
func metric(page, prefix string) (sum float64) {
	for _, l := range strings.Split(page, "\n") {
		if strings.HasPrefix(l, prefix) {
			v, _ := strconv.ParseFloat(l[strings.LastIndexByte(l, ' ')+1:], 64)
			sum += v
		}
	}
	return sum
}

// measure takes a sample.
func (p *process) measure(at time.Duration) (s sample, err error) {
	page, err := p.get("/metrics")
	if err != nil {
		return s, err
	}
	proc := fmt.Sprintf("/proc/%d/", p.cmd.Process.Pid)
	open, err := os.ReadDir(proc + "fd")
	if err != nil {
		return s, err
	}
	status, err := os.ReadFile(proc + "status")
	if err != nil {
		return s, err
	}
	s = sample{at: at, descriptors: float64(len(open)),
		goroutines: metric(page, "go_goroutines "),
		heap: (metric(page, "go_memstats_heap_inuse_bytes ") +
			metric(page, "go_memstats_stack_inuse_bytes ")) / (1 << 20),
		cache:     metric(page, "bailiwick_cache_bytes") / (1 << 20),
		evictions: metric(page, "bailiwick_cache_evictions_total"),
		cpu:       metric(page, "process_cpu_seconds_total ")}
	_, after, _ := strings.Cut(string(status), "VmRSS:")
	if f := strings.Fields(after); len(f) > 0 {
		kib, _ := strconv.ParseFloat(f[0], 64)
		s.memory = kib / 1024
	}
	return s, nil
}

// watch takes samples until ctx ends.
func (p *process) watch(ctx context.Context, began time.Time, every time.Duration) (all []sample) {
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return all
		case <-t.C:
		}
		if s, err := p.measure(time.Since(began)); err == nil {
			all = append(all, s)
		}
	}
}

// quantity is something that has to stay as it is.
type quantity struct {
	name  string
	of    func(sample) float64
	slack float64 // growth that is noise
	shown bool    // and not judged in a build with -race
}

// quantities are what is judged. The race detector keeps what it knows of each address that was
// ever in use, so that a build with -race grows when nothing of the program does.
var quantities = []quantity{
	{"memory, MiB", func(s sample) float64 { return s.memory }, 6, true},
	{"heap, MiB", func(s sample) float64 { return s.heap }, 4, false},
	{"goroutines", func(s sample) float64 { return s.goroutines }, 20, false},
	{"descriptors", func(s sample) float64 { return s.descriptors }, 10, false},
}

// withRace reports whether a program was built with -race.
func withRace(program string) bool {
	b, err := buildinfo.ReadFile(program)
	race := debug.BuildSetting{Key: "-race", Value: "true"}
	return err == nil && slices.Contains(b.Settings, race)
}

// trend compares the beginning of a run with its end.
type trend struct {
	first, last float64 // means of the first and of the last quarter
	perHour     float64 // slope of the line that fits best
	most        float64
}

// settled returns the samples without those of the first tenth, in which caches fill.
func settled(all []sample) []sample { return all[len(all)/10:] }

// trendOf returns the trend of a quantity.
func trendOf(all []sample, of func(sample) float64) (t trend) {
	all = settled(all)
	n := len(all)
	if n < 8 {
		return t
	}
	var x, y, xx, xy float64
	for i, s := range all {
		v, h := of(s), s.at.Hours()
		x, y, xx, xy = x+h, y+v, xx+h*h, xy+h*v
		t.most = max(t.most, v)
		if i < n/4 {
			t.first += v / float64(n/4)
		}
		if i >= n-n/4 {
			t.last += v / float64(n/4)
		}
	}
	if d := float64(n)*xx - x*x; d > 0 {
		t.perHour = (float64(n)*xy - x*y) / d
	}
	return t
}

// grows reports whether the last quarter is above the first by more than noise.
func (t trend) grows(slack float64) bool { return t.last > t.first*1.05+slack }

// rest waits until the server holds no more than before the load, and returns what it holds then,
// or after a time in which everything idle has been closed. It says nothing of memory.
func (p *process) rest(ctx context.Context, before sample) (s sample) {
	for end := time.Now().Add(time.Minute); ; {
		s, _ = p.measure(0)
		if s.atRest(before) || time.Now().After(end) {
			return s
		}
		select {
		case <-ctx.Done():
			return s
		case <-time.After(time.Second):
		}
	}
}

// idleGoroutines is more than a server keeps for the next work: 256 for queries and some for
// fetches (maxIdleWorkers and maxIdleGoroutines of its limits).
const idleGoroutines = 300

// atRest reports whether a server without load holds what it did before.
func (s sample) atRest(before sample) bool {
	return s.goroutines > 0 && s.goroutines <= before.goroutines+idleGoroutines &&
		s.descriptors <= before.descriptors+10
}
