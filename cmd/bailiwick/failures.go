// The recordings of failed resolutions of a running server.

package main

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/console"
	"bailiwick/internal/incident"
	"bailiwick/internal/recorder"
	"bailiwick/wire"
)

// usualShown is how many recordings are listed without a limit.
const usualShown = 20

// listFailures lists the recordings, the newest first.
func (r *running) listFailures(q console.Request) (console.Result, error) {
	list, err := r.recordings(q)
	if err != nil {
		return console.Result{}, err
	}
	res := console.Result{Columns: []string{"number", "time", "name", "type", "client", "took",
		"cause", "again", "detail"}}
	for _, rec := range list {
		c, detail := cause.None, ""
		if rec.Failure != nil {
			c, detail = rec.Failure.Cause, rec.Failure.Error()
		}
		res.Rows = append(res.Rows, []any{rec.Number, timeText(rec.Time),
			rec.Question.Name.String(),
			rec.Question.Type.String(), rec.Client.String(),
			rec.Took.Round(time.Millisecond).String(), c.Label(), rec.Again, detail})
	}
	return res, nil
}

// failingNetworks lists the client networks that most failures of validation hit.
func (r *running) failingNetworks(q console.Request) (console.Result, error) {
	limit, err := limitOf(q, usualShown, incident.MaxNetworks)
	if err != nil {
		return console.Result{}, err
	}
	res := console.Result{Columns: []string{"network", "failed", "passed", "share"},
		Rows: [][]any{}}
	list, _ := r.incidents.Networks(limit)
	for _, n := range list {
		res.Rows = append(res.Rows, []any{n.Prefix.String(), n.Failed, n.Passed,
			roughly(float64(n.Failed) / float64(n.Failed+n.Passed))})
	}
	return res, nil
}

// recordings returns those that a request is about.
func (r *running) recordings(q console.Request) ([]*recorder.Recording, error) {
	top, err := wire.ParseName(cmp.Or(q.Args["name"], "."))
	if err != nil {
		return nil, err
	}
	limit, err := limitOf(q, usualShown, recorder.MaxKept)
	if err != nil {
		return nil, err
	}
	list := r.recorder.List(top)
	return list[:min(limit, len(list))], nil
}

// showFailure shows the steps of a recorded resolution.
func (r *running) showFailure(q console.Request) (console.Result, error) {
	list := r.recorder.List(wire.MustParseName("."))
	for _, rec := range list {
		if fmt.Sprint(rec.Number) != q.Args["number"] {
			continue
		}
		var steps strings.Builder
		if err := rec.Trace.Write(&steps); err != nil {
			return console.Result{}, err
		}
		f := map[string]any{"name": rec.Question.Name.String(), "type": rec.Question.Type.String(),
			"time": timeText(rec.Time), "client": rec.Client.String(), "took": rec.Took.String(),
			"cause": cause.None.Label()}
		if rec.Failure != nil {
			f["cause"], f["detail"] = rec.Failure.Cause.Label(), rec.Failure.Error()
			f["remedy"] = rec.Failure.Hint()
		}
		res := console.Result{Fields: f, Columns: []string{"step"}}
		for line := range strings.Lines(steps.String()) {
			res.Rows = append(res.Rows, []any{strings.TrimRight(line, "\n")})
		}
		return res, nil
	}
	return console.Result{}, fmt.Errorf("there is no recording %s: it may have given way to newer "+
		"ones, see failures list", q.Args["number"])
}

// watchFailures has all resolutions of a name recorded.
func (r *running) watchFailures(q console.Request) (console.Result, error) {
	name, err := wire.ParseName(q.Args["name"])
	if err != nil {
		return console.Result{}, err
	}
	if err := r.recorder.Watch(name); err != nil {
		return console.Result{}, err
	}
	return r.watchedNames(), nil
}

// unwatchFailures ends that.
func (r *running) unwatchFailures(q console.Request) (console.Result, error) {
	name, err := wire.ParseName(q.Args["name"])
	if err != nil {
		return console.Result{}, err
	}
	if !r.recorder.Unwatch(name) {
		return console.Result{}, fmt.Errorf("%s is not watched", name)
	}
	return r.watchedNames(), nil
}

// watchedNames lists the names that are watched.
func (r *running) watchedNames() console.Result {
	names := []string{}
	for _, n := range r.recorder.Watched() {
		names = append(names, n.String())
	}
	return console.Result{Fields: map[string]any{"watched": names}}
}
