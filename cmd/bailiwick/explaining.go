// Explaining names in a running server.

package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"time"

	"bailiwick/cache"
	"bailiwick/internal/console"
	"bailiwick/internal/explain"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// explainOperations is the operation that explains.
func explainOperations() []operation {
	return []operation{{console.Operation{Name: "explain",
		Short: "Show the chain of trust of a name as this server has it, and what is broken",
		Long: "Resolve a name as for a client, with the caches of the server, and show its chain " +
			"of trust: zones, keys, DS, signatures, proofs, servers, policy and exceptions; the " +
			"link that is broken, with its cause, its remedy and who has to act; and the " +
			"failures that are remembered, since when. If the failure is remembered, it is " +
			"also resolved anew, with a memory of its own, to see whether it still fails. With " +
			"fresh that is all that is done. With drawing it has the chain as a drawing, too.",
		Example: "ctl explain www.example.com AAAA",
		Suggest: []string{"why", "trace", "lookup", "servfail", "debug"},
		Params: []console.Param{{Name: "name", Required: true, Positional: true, Help: "a name"},
			{Name: "type", Positional: true, Help: "a type; A without it"},
			{Name: "client", Help: "the address of a client, whose view it is resolved by; " +
				"without it, as for clients without a view"},
			{Name: "fresh", Kind: console.Boolean,
				Help: "resolve it anew, without what is in the caches"},
			{Name: "drawing", Kind: console.Boolean, Help: "draw it as well: SVG"}},
		Fields: append(fieldsOf[explain.Report](), console.Field{Name: "drawing", Optional: true,
			Help: "the chain of trust as SVG, if it is asked for"}),
	}, (*running).explain}}
}

// fieldsOf are the fields of a report, from its type.
func fieldsOf[T any]() (fields []console.Field) {
	for f := range reflect.TypeFor[T]().Fields() {
		label, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		kind := console.Text
		switch {
		case f.Type.Kind() == reflect.Int:
			kind = console.Integer
		case f.Type.Kind() == reflect.Pointer,
			f.Type.Kind() == reflect.Struct && f.Type != reflect.TypeFor[time.Time]():
			kind = console.Object
		case f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.String:
			kind = console.List
		case f.Type.Kind() == reflect.Slice:
			kind = console.Objects
		}
		fields = append(fields, console.Field{Name: label, Kind: kind, Help: f.Tag.Get("help"),
			Optional: options == "omitempty"})
	}
	return fields
}

// errBusy is told if too many names are being explained.
var errBusy = errors.New("as many names as may be are being explained: try again")

// explain explains a name.
func (r *running) explain(q console.Request) (console.Result, error) {
	select {
	case r.explaining <- struct{}{}:
		defer func() { <-r.explaining }()
	default:
		return console.Result{}, errBusy
	}
	args := []string{q.Args["name"]}
	if t := q.Args["type"]; t != "" {
		args = append(args, t)
	}
	question, err := parseQuestion(args)
	if err != nil {
		return console.Result{}, err
	}
	view, _, err := r.viewFor(q.Args["client"], "", "")
	if err != nil {
		return console.Result{}, err
	}
	ctx, stop := context.WithTimeout(r.ctx, explainTime)
	defer stop()
	report := r.explained(ctx, question, view.Realm, q.Args["fresh"] == "true")
	r.police(report, question, q.Args["client"])
	res, err := resultOf(report)
	if err == nil && q.Args["drawing"] == "true" {
		var drawn strings.Builder
		err = report.SVG(&drawn)
		res.Fields["drawing"] = drawn.String()
	}
	return res, err
}

// explained explains a question of the clients of a realm with the caches, unless it is to be
// fresh, and anew if the caches only have that it failed.
func (r *running) explained(ctx context.Context, q wire.Question, realm int,
	fresh bool) *explain.Report {
	if !fresh {
		known := explain.Explain(ctx, r.now().resolver.In(realm), q)
		if !known.FromMemory() {
			return known
		}
		anew := r.explainAnew(ctx, q, realm)
		return anew.After(known)
	}
	return r.explainAnew(ctx, q, realm)
}

// explainAnew explains a question with a memory of its own. Nothing that it finds is used for
// clients.
func (r *running) explainAnew(ctx context.Context, q wire.Question, realm int) *explain.Report {
	now, c := r.now(), cache.Default()
	c.Memory = cache.MinMemory
	cfg := now.Snapshot.Resolver
	cfg.Prefetch, cfg.Validation.SignatureCache = false, checkedSignatures
	cfg.ErrorReporting = false // the failure has been reported
	alone := resolver.New(cfg, resolver.Parts{Cache: cache.New(c),
		Anchors: r.negatives.Apply(now.Anchors), Exchanger: r.exchanger, Clock: r.clock,
		Guard: r.guard, Routes: r.routes, Ledger: r.ledger, Copies: copies{r.keeper},
		Realms: r.parts(now.Snapshot, nil).Realms})
	defer alone.Close()
	return explain.Explain(ctx, alone.In(realm), q).Forget()
}

// police tells in a report what the policy for a client, or for most clients, says to a question,
// as policy test does, and whether they get something else by it than what is resolved.
func (r *running) police(report *explain.Report, q wire.Question, client string) {
	result, err := r.policyTest(console.Request{Args: map[string]string{"name": q.Name.String(),
		"type": q.Type.String(), "client": client}})
	if err != nil {
		report.Policy = []explain.Policy{{What: "error", Value: err.Error()}}
		return
	}
	told := map[string]string{}
	for _, f := range policyFields {
		if v, ok := result.Fields[f]; ok {
			told[f] = readable(v)
			report.Policy = append(report.Policy, explain.Policy{What: f, Value: told[f]})
		}
	}
	if o := result.Fields["outcome"]; isResolved(o) || isTruncated(o) {
		return
	}
	from := strings.Join(strings.Fields(told["source"]+" "+told["list"]+" "+told["zone"]), " ")
	report.Police(told["outcome"], from, told["cause"], client)
}

// policyFields are the fields of policy test that a report has, in this order.
var policyFields = []string{"outcome", "source", "list", "cause", "zone", "rule", "trigger",
	"alias_of", "view", "resolved_by", "resolved_for"}

// resultOf returns a report as the fields of a result.
func resultOf(report any) (res console.Result, err error) {
	text, err := json.Marshal(report)
	if err != nil {
		return res, err
	}
	return res, json.Unmarshal(text, &res.Fields)
}

// printExplained prints the report that a result is as text, or its drawing if it has one.
func printExplained(w io.Writer, result console.Result) error {
	if drawing, ok := result.Fields["drawing"].(string); ok {
		_, err := io.WriteString(w, drawing)
		return err
	}
	report, err := reportOf[explain.Report](result)
	if err != nil {
		return err
	}
	colour, err := wantsColour("auto", w)
	if err != nil {
		return err
	}
	return report.Text(w, colour)
}
