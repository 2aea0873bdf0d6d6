// How a scenario is played, and what is looked at.

package gameday

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/console"
	"bailiwick/internal/lab"
	"bailiwick/internal/pattern"
)

// Day is where scenarios are played.
type Day struct {
	Break      func(at string, faults ...lab.Fault) error
	Server     string // address of the resolver
	Socket     string // its control socket
	Admin      string // address of its metrics
	Prometheus string // address, "" for none: no alert is waited for
	// Patience is how long each part of a scenario may take.
	Patience time.Duration
	// During is called while a scenario is seen as it has to be, and After when it is over.
	During, After func(Scenario)
}

// Seconds is a time in a report; nil if it did not come.
type Seconds = *float64

// Result is what came of a scenario. Times are since the fault, or since the repair.
type Result struct {
	Scenario string   `json:"scenario"`
	Zone     string   `json:"zone"`
	Cause    string   `json:"cause"`
	Link     string   `json:"link"`               // as explain names it
	Foreseen Seconds  `json:"foreseen_seconds"`   // an alert fires before a client fails; or nil
	Metric   Seconds  `json:"metric_seconds"`     // the metric of the cause has moved
	Incident Seconds  `json:"incident_seconds"`   // an incident is open
	Explain  Seconds  `json:"explain_seconds"`    // explain names link and cause
	Alert    Seconds  `json:"alert_seconds"`      // the alert fires
	Good     Seconds  `json:"good_seconds"`       // the name resolves again
	Mended   Seconds  `json:"mended_seconds"`     // the incident is over
	Resolved Seconds  `json:"resolved_seconds"`   // no alert fires
	Recovery string   `json:"recovery,omitempty"` // the incident's own time to recovery
	Missing  []string `json:"missing,omitempty"`  // what did not come in time
}

// interval is how often is looked, and clients ask.
const interval = 200 * time.Millisecond

// Play plays a scenario. The error is of ctx, or of a fault that cannot be made.
func (d *Day) Play(ctx context.Context, s Scenario) (r Result, err error) {
	r = Result{Scenario: s.Name, Zone: s.Zone, Cause: s.Cause}
	before := d.failures(s.Cause)
	if err := d.foresee(ctx, s, &r, before); err != nil {
		return r, err
	}
	if err := d.breaks(s.Steps); err != nil {
		return r, err
	}
	d.flush(s)
	began := time.Now()
	err = d.until(ctx, s, &r, []sight{
		{"metric", &r.Metric, func() bool { return d.failures(s.Cause) > before }},
		{"incident", &r.Incident, func() bool { return d.incident(s).state == "open" }},
		{"explain", &r.Explain, func() bool {
			cause, kind, link := d.explain(s)
			r.Link = link
			return cause == s.Cause && kind == s.Link
		}},
		{"alert", &r.Alert, func() bool { return d.firing(s.Alert, s.Zone) }},
	}, began)
	if d.During != nil && err == nil {
		d.During(s)
	}
	if broken := d.repair(s.all()); broken != nil || err != nil {
		return r, errors.Join(err, broken)
	}
	d.flush(s)
	err = d.until(ctx, s, &r, []sight{
		{"good", &r.Good, func() bool { return d.ask(s) == dns.RcodeSuccess }},
		{"mended", &r.Mended, func() bool {
			i := d.incident(s)
			r.Recovery = i.recovery
			return i.state == "mended" && i.recovery != ""
		}},
		{"resolved", &r.Resolved, func() bool { return !d.firing(s.Alert, s.Zone) }},
	}, time.Now())
	if d.After != nil && err == nil {
		d.After(s)
	}
	return r, err
}

// foresee makes the early faults of a scenario, and waits until the watch of its zone has found
// them and an alert tells of it, before a client has failed. A resolver that does not watch the
// zone foresees nothing.
func (d *Day) foresee(ctx context.Context, s Scenario, r *Result, failures float64) error {
	if len(s.Early) == 0 {
		return nil
	}
	if err := d.breaks(s.Early); err != nil {
		return err
	}
	zone := map[string]string{"zone": s.Zone}
	if _, err := d.call("watch show", zone); err != nil {
		return nil
	}
	err := d.until(ctx, s, r, []sight{{"foreseen", &r.Foreseen, func() bool {
		_, _ = d.call("watch probe", zone)
		return d.finds(s) && (d.Prometheus == "" || d.firing(findings, s.Zone))
	}}}, time.Now())
	if d.failures(s.Cause) != failures {
		r.Missing = append(r.Missing, "answers before it was foreseen")
	}
	if err != nil {
		return errors.Join(err, d.repair(s.Early))
	}
	return nil
}

// finds reports whether the watch of a scenario's zone has its finding.
func (d *Day) finds(s Scenario) bool {
	r, err := d.call("watch show", map[string]string{"zone": s.Zone})
	if err != nil {
		return false
	}
	return slices.ContainsFunc(r.Rows, func(row []any) bool {
		return len(row) > 0 && row[0] == s.Finding
	})
}

// breaks makes faults.
func (d *Day) breaks(steps []Step) error {
	for _, step := range steps {
		if err := d.Break(step.At, step.Fault); err != nil {
			return err
		}
	}
	return nil
}

// repair ends faults.
func (d *Day) repair(steps []Step) error {
	for _, step := range steps {
		if err := d.Break(step.At); err != nil {
			return err
		}
	}
	return nil
}

// sight is something that has to be seen, and when it was.
type sight struct {
	name string
	at   *Seconds
	seen func() bool
}

// until asks, as clients do, until all is seen or patience ends.
func (d *Day) until(ctx context.Context, s Scenario, r *Result, sights []sight,
	began time.Time) error {
	var waiting []sight
	for _, x := range sights {
		if d.Prometheus != "" || x.name != "alert" && x.name != "resolved" {
			waiting = append(waiting, x)
		}
	}
	for len(waiting) > 0 && time.Since(began) < d.Patience {
		d.ask(s)
		var next []sight
		for _, x := range waiting {
			if !x.seen() {
				next = append(next, x)
				continue
			}
			after := time.Since(began).Seconds()
			*x.at = &after
		}
		waiting = next
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(interval):
		}
	}
	for _, x := range waiting {
		r.Missing = append(r.Missing, x.name)
	}
	return nil
}

// ask asks the resolver as a client does, and returns the RCODE; -1 without an answer.
func (d *Day) ask(s Scenario) int {
	c := dns.Client{Timeout: 2 * time.Second}
	m, _, err := c.Exchange(new(dns.Msg).SetQuestion(s.Ask, dns.TypeA), d.Server)
	if err != nil {
		return -1
	}
	return m.Rcode
}

// Answers reports whether the resolver has an answer for a name.
func (d *Day) Answers(name string) bool {
	return d.ask(Scenario{Ask: name}) == dns.RcodeSuccess
}

// flush has the resolver forget the zone, as the runbook says: how long caches hold what they have
// is the zone's choice, and not what is measured.
func (d *Day) flush(s Scenario) {
	_, _ = d.call("flush", map[string]string{"name": s.Zone, "subtree": "true"})
}

func (d *Day) call(command string, args map[string]string) (console.Result, error) {
	return console.Call(d.Socket, console.Request{Command: command, Args: args}, io.Discard)
}

// sample is a line of the failures of a cause in the metrics.
var sample = pattern.New(`(?m)^bailiwick_servfail_total\{([^}]*)\} (\S+)$`)

// failures returns how many SERVFAIL a cause has had; 0 if the metrics cannot be read.
func (d *Day) failures(cause string) (n float64) {
	for _, m := range sample.Get().FindAllStringSubmatch(get("http://"+d.Admin+"/metrics"), -1) {
		if strings.Contains(m[1], `cause="`+cause+`"`) {
			v, _ := strconv.ParseFloat(m[2], 64) // the server writes numbers
			n += v
		}
	}
	return n
}

// get returns a page, "" if it cannot be had.
func get(url string) string {
	c := http.Client{Timeout: 5 * time.Second}
	r, err := c.Get(url)
	if err != nil {
		return ""
	}
	defer r.Body.Close()
	text, err := io.ReadAll(io.LimitReader(r.Body, 16<<20))
	if err != nil || r.StatusCode != http.StatusOK {
		return ""
	}
	return string(text)
}

// incident is the state of one, and its time to recovery.
type incident struct{ state, recovery string }

// incident returns that of the scenario which began last.
func (d *Day) incident(s Scenario) (i incident) {
	r, err := d.call("incidents", map[string]string{"zone": s.Zone, "all": "true"})
	if err != nil {
		return i
	}
	first := ""
	for _, row := range r.Rows {
		v := map[string]string{}
		for n, name := range r.Columns {
			if row[n] != nil {
				v[name] = fmt.Sprint(row[n])
			}
		}
		if v["zone"] == s.Zone && v["cause"] == s.Cause && v["first"] >= first {
			first, i = v["first"], incident{v["state"], v["recovery"]}
		}
	}
	return i
}

// explain returns the cause, the kind and the words of the link that is broken.
func (d *Day) explain(s Scenario) (cause, kind, link string) {
	r, err := d.call("explain", map[string]string{"name": s.Ask, "type": "A"})
	if err != nil {
		return "", "", ""
	}
	broken, _ := r.Fields["broken"].(map[string]any) // nil: nothing is broken
	text := func(key string) string { v, _ := broken[key].(string); return v }
	return text("cause"), text("kind"), text("link")
}

// firing reports whether an alert fires for a zone.
func (d *Day) firing(alert, zone string) bool {
	var a struct {
		Data struct {
			Alerts []struct {
				Labels map[string]string
				State  string
			}
		}
	}
	if json.Unmarshal([]byte(get("http://"+d.Prometheus+"/api/v1/alerts")), &a) != nil {
		return false
	}
	for _, x := range a.Data.Alerts {
		if x.Labels["alertname"] == alert && x.State == "firing" &&
			(x.Labels["zone"] == "" || x.Labels["zone"] == zone) {
			return true
		}
	}
	return false
}
