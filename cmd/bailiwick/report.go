// The report of a week: what a running server has seen of DNSSEC, and what is to come.

package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"bailiwick/internal/check"
	"bailiwick/internal/clock"
	"bailiwick/internal/console"
	"bailiwick/internal/incident"
	"bailiwick/internal/watch"
	"bailiwick/wire"
)

// weekReport is the report of a time. Parts of a whole are in percent, times as RFC 3339 has them,
// durations in seconds.
type weekReport struct {
	From       string           `json:"from"`
	To         string           `json:"to"`
	Validation reportRate       `json:"validation" help:"of all responses to clients"`
	Zones      []reportZone     `json:"zones" help:"that are watched"`
	Incidents  []reportIncident `json:"incidents" help:"that were open, the newest first"`
	Expiries   []reportExpiry   `json:"expiries" help:"signatures that end soon, the first first"`
	Rollovers  []reportRollover `json:"rollovers" help:"under way, broken, or ended in the time"`
	Outdated   []reportFinding  `json:"outdated" help:"algorithms, digests and NSEC3 parameters"`
	Findings   []reportFinding  `json:"findings" help:"all others of watched zones, but notices"`
}

// reportRate is a success rate. What is left of the error budget is of 30 days.
type reportRate struct {
	Good       uint64  `json:"good"`
	Bad        uint64  `json:"bad"`
	Success    float64 `json:"success_percent"`
	Objective  float64 `json:"objective_percent"`
	BudgetLeft float64 `json:"budget_left_percent"`
}

// reportZone is a watched zone.
type reportZone struct {
	Zone  string `json:"zone"`
	Owner string `json:"owner"`
	State string `json:"state"`
	Cause string `json:"cause"`
	reportRate
}

// reportIncident is an incident.
type reportIncident struct {
	Zone        string `json:"zone"`
	Cause       string `json:"cause"`
	State       string `json:"state"`
	First       string `json:"first"`
	Seconds     int64  `json:"duration_seconds"` // until it ended, or now
	Queries     uint64 `json:"queries"`
	Clients     int    `json:"client_networks"`
	Maintenance bool   `json:"maintenance"`
}

// reportExpiry is a zone with a signature that ends soon.
type reportExpiry struct {
	Zone    string `json:"zone"`
	Set     string `json:"set"`
	Expires string `json:"expires"`
	Seconds int64  `json:"left_seconds"`
	Watched bool   `json:"watched"`
}

// reportRollover is a rollover of a watched zone.
type reportRollover struct {
	Zone     string   `json:"zone"`
	Kind     string   `json:"kind"`
	State    string   `json:"state"`
	Began    string   `json:"began"`
	Ended    string   `json:"ended"`
	Due      string   `json:"due"`
	Earliest string   `json:"earliest"`
	Latest   string   `json:"latest"`
	Steps    []string `json:"steps"`
	Broken   []string `json:"broken"`
}

// reportFinding is a finding of a watched zone.
type reportFinding struct {
	Zone     string `json:"zone"`
	Owner    string `json:"owner"`
	Finding  string `json:"finding"`
	Severity string `json:"severity"`
	Since    string `json:"since"`
	Detail   string `json:"detail"`
	Remedy   string `json:"remedy"`
}

// The times of reports: that of one, unless another is asked for, and within which signatures of a
// watched zone end soon.
const (
	usualReport = 7 * 24 * time.Hour
	endsSoon    = 7 * 24 * time.Hour
)

// sinceOf returns the time that a report begins at: a time, or a duration before now.
func sinceOf(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return now.Add(-usualReport), nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil && at.Before(now) {
		return at, nil
	}
	d, err := readDays(text)
	if err != nil || d <= 0 {
		return now, fmt.Errorf("since: %q is neither a duration such as 7d or 12h, nor a time "+
			"before now such as %s", text, timeText(now.Add(-usualReport)))
	}
	return now.Add(-d), nil
}

// report makes the report of a time.
func (r *running) report(q console.Request) (console.Result, error) {
	now := clock.Wall(r.clock)
	from, err := sinceOf(q.Args["since"], now)
	if err != nil {
		return console.Result{}, err
	}
	month, period := r.watched.Overall(from)
	list := r.watched.List(from)
	w := &weekReport{From: timeText(from), To: timeText(now), Validation: rateOf(period, month),
		Zones: []reportZone{}, Rollovers: []reportRollover{}, Outdated: []reportFinding{},
		Findings: []reportFinding{}, Incidents: r.incidentsSince(from, now),
		Expiries: r.expiries(list, now)}
	for i := range list {
		z := &list[i]
		w.Zones = append(w.Zones, reportZone{z.Name.String(), z.Owner, stateText(z), z.Cause,
			rateOf(z.Period, z.Rate)})
		w.Rollovers = append(w.Rollovers, rolloversSince(z, from, now)...)
		w.add(z)
	}
	return resultOf(w)
}

// rateOf returns the rate of a period, with what is left of the budget of a month.
func rateOf(period, month watch.Rate) reportRate {
	return reportRate{period.Good, period.Bad, 100 * period.Success(), period.Objective,
		100 * month.Left()}
}

// add adds the findings of a zone.
func (w *weekReport) add(z *watch.State) {
	for i := range z.Findings {
		f := &z.Findings[i]
		one := reportFinding{z.Name.String(), z.Owner, f.ID, f.Severity.String(),
			timeText(f.Since), f.Text(), f.Remedy}
		switch {
		case f.Passing:
		case outdated(f.ID):
			w.Outdated = append(w.Outdated, one)
		case f.Severity > check.Notice:
			w.Findings = append(w.Findings, one)
		}
	}
}

// outdated reports whether a finding is of an algorithm, a digest, a size or parameters that are
// not to be used any more.
func outdated(id string) bool {
	return slices.Contains([]string{"algorithm-outdated", "algorithm-discouraged",
		"algorithm-unknown", "ds-digest-outdated", "ds-digest-unknown", "key-short",
		"key-1024"}, id) ||
		strings.HasPrefix(id, "nsec3-")
}

// incidentsSince returns the incidents that were open at some time since then.
func (r *running) incidentsSince(from, now time.Time) []reportIncident {
	list := []reportIncident{}
	all := r.incidents.List(wire.Root, true)
	slices.SortStableFunc(all, func(a, b incident.Incident) int {
		return b.First.Compare(a.First)
	})
	for i := range all {
		in := &all[i]
		end := in.Ended
		if end.IsZero() {
			end = now
		}
		if end.Before(from) || len(list) == maxListed {
			continue
		}
		if !in.Good.IsZero() { // it was over then, and has settled since
			end = in.Good
		}
		list = append(list, reportIncident{in.Zone, in.Cause.Label(), in.How.String(),
			timeText(in.First), seconds(end.Sub(in.First)), in.Queries, in.Clients,
			in.Maintenance})
	}
	return list
}

// expiries returns the zones whose signatures end soon: those that are watched, and those that
// clients have asked for.
func (r *running) expiries(list []watch.State, now time.Time) []reportExpiry {
	all := []reportExpiry{}
	known := map[string]bool{}
	for i := range list {
		z := &list[i]
		if left := z.Expires.Sub(now); !z.Expires.IsZero() && left > 0 && left < endsSoon {
			known[z.Name.String()] = true
			all = append(all, reportExpiry{z.Name.String(), z.Name.String() + " " + z.Set,
				timeText(z.Expires), seconds(left), true})
		}
	}
	for _, z := range r.signatures.List() {
		if !known[z.Name.String()] && len(all) < maxListed {
			all = append(all, reportExpiry{z.Name.String(), z.Owner.String() + " " +
				z.Type.String(), timeText(z.Expires), seconds(z.Left(now)), false})
		}
	}
	slices.SortStableFunc(all, func(a, b reportExpiry) int {
		return cmp.Compare(a.Seconds, b.Seconds)
	})
	return all
}

// rolloversSince returns the rollovers of a zone that are under way or broken, or have ended since
// then.
func rolloversSince(z *watch.State, from, now time.Time) (list []reportRollover) {
	for i := range z.Rolls {
		r := &z.Rolls[i]
		if r.Over() && !r.Broken() && r.Ended().Before(from) {
			continue
		}
		steps, breaks := rollText(r)
		due, earliest, latest := dueText(r, now)
		list = append(list, reportRollover{z.Name.String(), r.Kind(), r.State(),
			timeText(r.Begun()), timeText(r.Ended()), due, earliest, latest, steps, breaks})
	}
	return list
}

// seconds returns a duration in whole seconds.
func seconds(d time.Duration) int64 { return int64(d.Round(time.Second) / time.Second) }

func reportOperations() []operation {
	return []operation{{console.Operation{Name: "report",
		Short: "Report the week: success rates, incidents, expiries, rollovers",
		Long: "Report what the server has seen of DNSSEC in a week, and what is to come: the " +
			"success rate of validation and of watched zones with their error budgets, " +
			"incidents with their durations, signatures that end soon, rollovers, outdated " +
			"algorithms, and what else is wrong with watched zones. Rates reach back for 30 " +
			"days at most.",
		Example: "ctl report --since 30d",
		Suggest: []string{"week", "summary", "weekly"},
		Params: []console.Param{{Name: "since",
			Help: "when it begins: a duration such as 24h or 30d, or a time; 7d without it"}},
		Fields: fieldsOf[weekReport](),
	}, (*running).report}}
}

// reportCommand returns the command that prints the report of a running server: the operation with
// a name of its own, for who sends it by mail each week.
func reportCommand() *cobra.Command {
	c := &ctl{}
	cmd := &cobra.Command{Use: "report"}
	c.register(cmd.Flags())
	_ = cmd.RegisterFlagCompletionFunc("config", completeConfig) // the flag is there
	o := reportOperations()[0].Operation
	o.Example = "report --since 30d --json"
	c.define(cmd, &o)
	return cmd
}

// printReport prints the report that a result is as text.
func printReport(w io.Writer, result console.Result) error {
	r, err := reportOf[weekReport](result)
	if err != nil {
		return err
	}
	return r.write(w)
}

// write prints the report as text.
func (r *weekReport) write(w io.Writer) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	v := &r.Validation
	fmt.Fprintf(out, "Report from %s to %s\n\nValidation: %.3f %% of %d responses, all but "+
		"%d, did not fail it.\nObjective %s; error budget of 30 days: %s\n",
		r.From, r.To, v.Success, v.Good+v.Bad, v.Bad, percent(v.Objective),
		budgetText(v.BudgetLeft/100))
	section(out, "Watched zones",
		"ZONE\tSTATE\tSUCCESS\tFAILED\tOBJECTIVE\tERROR BUDGET\tCAUSE\tOWNER", r.Zones,
		func(z reportZone) string {
			return fmt.Sprintf("%s\t%s\t%.3f %%\t%d of %d\t%s\t%s\t%s\t%s", z.Zone, z.State,
				z.Success, z.Bad, z.Good+z.Bad, percent(z.Objective),
				budgetText(z.BudgetLeft/100),
				cmp.Or(z.Cause, "-"), cmp.Or(z.Owner, "-"))
		})
	section(out, "Incidents", "ZONE\tCAUSE\tSTATE\tFIRST\tDURATION\tQUERIES\tCLIENT NETWORKS",
		r.Incidents, func(i reportIncident) string {
			state := i.State
			if i.Maintenance {
				state += " (maintenance)"
			}
			return fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%d\t%d", i.Zone, i.Cause, state, i.First,
				time.Duration(i.Seconds)*time.Second, i.Queries, i.Clients)
		})
	section(out, "Signatures that end soon", "ZONE\tSET\tEXPIRES\tLEFT\tWATCHED", r.Expiries,
		func(e reportExpiry) string {
			return fmt.Sprintf("%s\t%s\t%s\t%s\t%t", e.Zone, e.Set, e.Expires,
				time.Duration(e.Seconds)*time.Second, e.Watched)
		})
	section(out, "Rollovers", "ZONE\tKIND\tSTATE\tBEGAN\tENDED\tDUE\tEARLIEST\tLATEST\tBROKEN",
		r.Rollovers, func(o reportRollover) string {
			return strings.Join([]string{o.Zone, o.Kind, o.State, o.Began, o.Ended, o.Due,
				o.Earliest, o.Latest, cmp.Or(strings.Join(o.Broken, "; "), "-")}, "\t")
		})
	finding := func(f reportFinding) string {
		return strings.Join([]string{f.Zone, f.Severity, f.Finding, f.Since, f.Detail}, "\t")
	}
	const findings = "ZONE\tSEVERITY\tFINDING\tSINCE\tDETAIL"
	section(out, "Outdated algorithms and parameters", findings, r.Outdated, finding)
	section(out, "Other findings", findings, r.Findings, finding)
	return out.Flush()
}

// section prints a part of the report: a table, or that there is nothing.
func section[T any](w io.Writer, title, columns string, rows []T, line func(T) string) {
	if len(rows) == 0 {
		fmt.Fprintf(w, "\n%s: none\n", title)
		return
	}
	fmt.Fprintf(w, "\n%s: %d\n%s\n", title, len(rows), columns)
	for _, row := range rows {
		fmt.Fprintln(w, line(row))
	}
}
