package gameday

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bailiwick/deploy/prometheus"
	"bailiwick/internal/console"
	"bailiwick/internal/lab"
)

// nowhere is a game day without a resolver; what is broken is in the list.
func nowhere(t *testing.T, broken *[]string) *Day {
	return &Day{Break: func(at string, faults ...lab.Fault) error {
		*broken = append(*broken, at+" "+lab.Faults(faults).String())
		return nil
	}, Server: "127.0.0.1:1", Admin: "127.0.0.1:1", Prometheus: "127.0.0.1:1",
		Socket: t.TempDir() + "/none", Patience: time.Millisecond}
}

// TestPlayTellsWhatIsMissing: what is not seen in time is in the result, and faults are repaired
// all the same. Alerts are missing only if there is a Prometheus that could fire them.
func TestPlayTellsWhatIsMissing(t *testing.T) {
	all := []string{"metric", "incident", "explain", "alert", "good", "mended"}
	for _, s := range Scenarios() {
		var broken []string
		d := nowhere(t, &broken)
		r, err := d.Play(context.Background(), s)
		if err != nil || !slices.Equal(r.Missing, all) || r.Metric != nil || r.Mended != nil {
			t.Errorf("%s: %v %v", s.Name, r, err)
		}
		var want []string
		for _, step := range s.all() {
			want = append(want, step.At+" "+string(step.Fault))
		}
		for _, step := range s.all() {
			want = append(want, step.At+" ")
		}
		if !slices.Equal(broken, want) {
			t.Errorf("%s: %q, want %q", s.Name, broken, want)
		}
		d.Prometheus = ""
		if r, _ := d.Play(context.Background(), s); slices.Contains(r.Missing, "alert") {
			t.Errorf("%s: without Prometheus: %v", s.Name, r.Missing)
		}
	}
}

// TestPlayRepairsWhenItIsStopped: what was broken is repaired if the game day ends before its time.
func TestPlayRepairsWhenItIsStopped(t *testing.T) {
	var broken []string
	d := nowhere(t, &broken)
	d.Patience = time.Hour
	ctx, stop := context.WithCancel(context.Background())
	stop()
	_, err := d.Play(ctx, Scenarios()[0])
	if !errors.Is(err, context.Canceled) || len(broken) != 2 || broken[1] != "bank.example. " {
		t.Errorf("%v %q", err, broken)
	}
}

// TestScenariosAreOfTheLab: each fault can be made in the lab's internet, and ended.
func TestScenariosAreOfTheLab(t *testing.T) {
	w := lab.Internet(time.Now())
	before := w.Broken()
	for _, s := range Scenarios() {
		for _, step := range s.all() {
			if err := w.Break(step.At, step.Fault); err != nil {
				t.Errorf("%s: %v", s.Name, err)
			}
		}
		if len(w.Broken()) <= len(before) {
			t.Errorf("%s breaks nothing", s.Name)
		}
		for _, step := range s.all() {
			if err := w.Break(step.At); err != nil {
				t.Errorf("%s: %v", s.Name, err)
			}
		}
		if after := w.Broken(); !slices.Equal(after, before) {
			t.Errorf("%s leaves %v", s.Name, after)
		}
		if !strings.Contains(prometheus.Rules, "- alert: "+s.Alert+"\n") {
			t.Errorf("%s: there is no alert %s", s.Name, s.Alert)
		}
	}
}

// TestRulesInAHurry: no alert waits for minutes, or for ten client networks, and all are there.
func TestRulesInAHurry(t *testing.T) {
	quick := Rules()
	if pending.In(quick) || strings.Contains(quick, ">= 10") ||
		strings.Count(quick, "- alert:") != strings.Count(prometheus.Rules, "- alert:") {
		t.Error(quick)
	}
}

// TestPlayForeseesOnlyWhatTheWatchFinds: a resolver that watches the zone and finds nothing has not
// foreseen the fault, and one that does not watch it is not expected to.
func TestPlayForeseesOnlyWhatTheWatchFinds(t *testing.T) {
	s := Scenario{Zone: "post.example.", Early: []Step{{"post.example.", lab.PartialRollout}},
		Finding: "keys-differ"}
	for found, want := range map[string]string{"": "", "serial-differs": "foreseen",
		"keys-differ": ""} {
		var broken []string
		d := nowhere(t, &broken)
		d.Prometheus = ""
		if found != "" {
			d.Socket = filepath.Join(t.TempDir(), "ctl")
			watching(t, d.Socket, found)
			d.Patience = time.Minute
			if want != "" {
				d.Patience = 10 * time.Millisecond
			}
		}
		var r Result
		if err := d.foresee(t.Context(), s, &r, 0); err != nil {
			t.Fatal(err)
		}
		if strings.Join(r.Missing, ",") != want || (r.Foreseen != nil) != (found == s.Finding) {
			t.Errorf("%q: foreseen %v, missing %v", found, r.Foreseen, r.Missing)
		}
	}
}

// watching is the socket of a resolver whose watch has one finding.
func watching(t *testing.T, socket, finding string) {
	t.Helper()
	zone := []console.Param{{Name: "zone", Required: true}}
	desk := console.NewDesk([]console.Operation{
		{Name: "watch probe", Params: zone, Run: func(console.Request) (console.Result, error) {
			return console.Result{}, nil
		}},
		{Name: "watch show", Params: zone, Rows: []console.Field{{Name: "finding"}},
			Run: func(console.Request) (console.Result, error) {
				return console.Result{Columns: []string{"finding"}, Rows: [][]any{{finding}}}, nil
			}},
	}, slog.New(slog.DiscardHandler), func(console.Interface, console.Outcome) {})
	c, err := console.ListenControl(socket, console.Config{Mode: 0o600}, nil, desk, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	c.Start()
}
