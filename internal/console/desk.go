// Where operations are run, whoever asks for them, and every change leaves an audit line.

package console

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
)

// Prefix is the path that the routes of the API are below.
const Prefix = "/api/v1/"

// Interface is a way that operations are asked for.
type Interface string

// The ways.
const (
	OverSocket Interface = "socket"
	OverHTTP   Interface = "api"
	// OverFleet is another server of the fleet, where somebody has asked for it.
	OverFleet Interface = "fleet"
)

// Interfaces returns all.
func Interfaces() []Interface { return []Interface{OverSocket, OverHTTP, OverFleet} }

// Outcome is what came of a request for an operation.
type Outcome string

// The outcomes.
const (
	Done            Outcome = "done"
	Failed          Outcome = "failed"          // the operation refused, with a reason
	Malformed       Outcome = "malformed"       // no operation, or arguments that are wrong
	Unauthenticated Outcome = "unauthenticated" // no token, or an unknown one
	Forbidden       Outcome = "forbidden"       // another role, or a browser
)

// Outcomes returns all.
func Outcomes() []Outcome { return []Outcome{Done, Failed, Malformed, Unauthenticated, Forbidden} }

// The errors of operations that callers have to tell apart.
var (
	ErrStale    = errors.New("it has changed since: read it again") // of If-Match
	ErrStopping = errors.New("the server is being stopped")
	// errMalformed is the error of a request that names no operation, or has wrong arguments.
	errMalformed = errors.New("malformed")
)

// malformed is an error that is errMalformed too.
type malformed struct{ error }

// Is implements the interface of errors.Is.
func (malformed) Is(err error) bool { return err == errMalformed }

// Desk runs the operations of a table.
type Desk struct {
	ops   []Operation
	audit *slog.Logger
	count func(Interface, Outcome)
}

// NewDesk returns one. Each change is logged with audit, and each request counted.
func NewDesk(ops []Operation, audit *slog.Logger, count func(Interface, Outcome)) *Desk {
	return &Desk{ops: ops, audit: audit, count: count}
}

// find returns the operation of a name, nil if there is none.
func (d *Desk) find(name string) *Operation {
	i := slices.IndexFunc(d.ops, func(o Operation) bool { return o.Name == name })
	if i < 0 {
		return nil
	}
	return &d.ops[i]
}

// Do runs an operation that another server of the fleet has passed on.
func (d *Desk) Do(r Request) (Result, error) { return d.do(OverFleet, r) }

// do runs an operation.
func (d *Desk) do(over Interface, r Request) (Result, error) {
	op := d.find(r.Command)
	if op == nil {
		d.count(over, Malformed)
		return Result{}, malformed{fmt.Errorf("unknown command %.64q", r.Command)}
	}
	if err := op.check(r.Args); err != nil {
		d.count(over, Malformed)
		return Result{}, malformed{err}
	}
	if op.Changes {
		// A panic in the operation leaves its line too.
		outcome := "the server has met a fault of its own"
		defer func() { d.log(r, outcome) }()
		result, err := op.Run(r)
		if outcome = "done"; err != nil {
			outcome = "refused: " + err.Error()
		}
		d.tell(over, err)
		return result, err
	}
	result, err := op.Run(r)
	d.tell(over, err)
	return result, err
}

func (d *Desk) tell(over Interface, err error) {
	if err != nil {
		d.count(over, Failed)
		return
	}
	d.count(over, Done)
}

// log writes the audit line of a change: who, from where, what, and what came of it. The handler of
// the log quotes what callers have written.
func (d *Desk) log(r Request, outcome string) {
	var args []string
	for _, name := range slices.Sorted(maps.Keys(r.Args)) {
		args = append(args, name+"="+cut(r.Args[name]))
	}
	d.audit.Info("control", "operation", r.Command, "arguments", strings.Join(args, " "), "by",
		r.Caller, "from", r.From, "outcome", cut(outcome))
}

// cut shortens a text for a log line.
func cut(s string) string {
	if len(s) <= maxLogged {
		return s
	}
	return strings.ToValidUTF8(s[:maxLogged], "") + "…"
}
