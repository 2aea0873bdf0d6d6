// Package tracing tells a collector of traces (OpenTelemetry) how resolutions went that have
// failed, were slow or belong to a sample: by OTLP over HTTP, made of what the recorder has of
// them. No resolution waits for it: what cannot be sent as fast as it comes is dropped, and
// counted. Answers from memory are no resolutions, and cost nothing.
package tracing

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	common "go.opentelemetry.io/proto/otlp/common/v1"
	resource "go.opentelemetry.io/proto/otlp/resource/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"bailiwick/internal/counter"
	"bailiwick/internal/guard"
	"bailiwick/internal/querylog"
	"bailiwick/internal/recorder"
	"bailiwick/internal/trouble"
)

// Config is what the operator decides.
type Config struct {
	Endpoint string        // URL of the receiver; "": no traces
	Failed   bool          // resolutions that fail are told of
	Slow     time.Duration // those that take as long are; 0: not for that
	Sample   int           // one of so many others is; 0: none
	Clients  querylog.Privacy
}

// Default returns the configuration of an operator who has decided nothing.
func Default() Config { return Config{Failed: true, Slow: 2 * time.Second} }

// Parts are the dependencies of an exporter.
type Parts struct {
	Web     *http.Client
	Log     *slog.Logger
	Counts  *counter.Outcomes
	Guard   *guard.Guard
	Version string // of this program
}

// Exporter sends resolutions to a collector. A nil Exporter sends none.
type Exporter struct {
	cfg   Config
	parts Parts
	of    *resource.Resource

	ended  atomic.Uint64 // resolutions that ended well and in time
	limit  trouble.Lines // of resolutions in a second
	queue  chan *recorder.Recording
	state  *trouble.State
	stop   context.CancelFunc
	stops  context.Context
	done   chan struct{}
	closes sync.Once
}

// New returns an exporter at work, nil if there is no collector.
func New(cfg Config, p Parts) *Exporter {
	if cfg.Endpoint == "" {
		return nil
	}
	host, _ := os.Hostname()
	e := &Exporter{cfg: cfg, parts: p, queue: make(chan *recorder.Recording, maxQueued),
		limit: trouble.Lines{Most: maxPerSecond},
		state: trouble.New(p.Log, "traces are lost; queries are answered",
			"traces are sent again", "to", cfg.Endpoint),
		done: make(chan struct{}),
		of: &resource.Resource{Attributes: []*common.KeyValue{text("service.name", "bailiwick"),
			text("service.version", p.Version), text("service.instance.id", host)}}}
	e.stops, e.stop = context.WithCancel(context.Background())
	go e.run()
	return e
}

// Config returns the configuration that it has; of no exporter, that of one that sends nothing.
func (e *Exporter) Config() Config {
	if e == nil {
		return Config{}
	}
	return e.cfg
}

// Wants implements recorder.Tracer.
func (e *Exporter) Wants(took time.Duration, hasFailed bool) bool {
	switch {
	case hasFailed && e.cfg.Failed, e.cfg.Slow > 0 && took >= e.cfg.Slow:
		return true
	case e.cfg.Sample == 0:
		return false
	}
	return (e.ended.Add(1)-1)%uint64(e.cfg.Sample) == 0
}

// Take implements recorder.Tracer. It never waits.
func (e *Exporter) Take(rec *recorder.Recording) {
	if _, ok := e.limit.Take(time.Now()); !ok {
		e.parts.Counts.Dropped.Add(1)
		return
	}
	select {
	case e.queue <- rec:
	default:
		e.parts.Counts.Dropped.Add(1)
	}
}

// Problem returns why traces are lost, "" if they are not.
func (e *Exporter) Problem() string { return e.state.Problem() }

// Close sends what waits, and ends the exporter. It does not wait for a collector that hangs.
func (e *Exporter) Close() {
	if e == nil {
		return
	}
	e.closes.Do(e.stop)
	late := time.NewTimer(closeTime)
	defer late.Stop()
	select {
	case <-e.done:
	case <-late.C:
	}
}

// run sends until Close. A panic ends the exporter and no query.
func (e *Exporter) run() {
	defer close(e.done)
	e.parts.Guard.Run(guard.Upkeep, func() {
		for {
			select {
			case rec := <-e.queue:
				e.wait(gatherTime)
				e.batch(rec)
			case <-e.stops.Done():
				select {
				case rec := <-e.queue:
					e.batch(rec)
					continue
				default:
				}
				return
			}
		}
	})
}

// wait waits for a time, or until the exporter is closed.
func (e *Exporter) wait(d time.Duration) {
	late := time.NewTimer(d)
	defer late.Stop()
	select {
	case <-late.C:
	case <-e.stops.Done():
	}
}

// batch sends a resolution and those that wait. What the receiver cannot take now is sent again,
// as OTLP has it, but not for ever.
func (e *Exporter) batch(rec *recorder.Recording) {
	scope := &trace.ScopeSpans{Scope: &common.InstrumentationScope{Name: "bailiwick"}}
	n := uint64(0)
	for rec != nil {
		scope.Spans = append(scope.Spans, spansOf(rec, e.cfg.Clients)...)
		if n, rec = n+1, nil; n == maxBatch {
			break
		}
		select {
		case rec = <-e.queue:
		default:
		}
	}
	// The same octets as ExportTraceServiceRequest, whose package would bring gRPC with it.
	body, err := proto.Marshal(&trace.TracesData{ResourceSpans: []*trace.ResourceSpans{
		{Resource: e.of, ScopeSpans: []*trace.ScopeSpans{scope}}}})
	pause := backoffFirst
	for try := 1; err == nil; try++ {
		var again time.Duration
		if again, err = e.send(body); again == 0 || try == maxTries || e.stops.Err() != nil {
			break
		}
		e.state.Note(err)
		e.wait(min(max(pause, again), backoffMost))
		pause, err = 2*pause, nil
	}
	if e.state.Note(err); err != nil {
		e.parts.Counts.Lost.Add(n)
		return
	}
	e.parts.Counts.Written.Add(n)
}

// send sends a batch. If that failed and may succeed later, again is how long to wait at least.
func (e *Exporter) send(body []byte) (again time.Duration, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), sendTime)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, e.cfg.Endpoint,
		bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	q.Header.Set("Content-Type", "application/x-protobuf")
	q.Header.Set("User-Agent", "bailiwick/"+e.parts.Version)
	r, err := e.parts.Web.Do(q)
	if err != nil {
		return backoffFirst, err
	}
	defer r.Body.Close()
	text, err := io.ReadAll(io.LimitReader(r.Body, maxResponse))
	switch {
	case r.StatusCode == http.StatusTooManyRequests, r.StatusCode == http.StatusBadGateway,
		r.StatusCode == http.StatusServiceUnavailable,
		r.StatusCode == http.StatusGatewayTimeout:
		seconds, _ := strconv.Atoi(r.Header.Get("Retry-After"))
		return max(backoffFirst, time.Duration(seconds)*time.Second),
			fmt.Errorf("the collector answers %s", r.Status)
	case r.StatusCode/100 != 2:
		return 0, fmt.Errorf("the collector answers %s", r.Status)
	case err != nil: // it has the batch
		return 0, nil
	}
	if n := rejected(text); n > 0 {
		return 0, fmt.Errorf("the collector has rejected %d spans", n)
	}
	return 0, nil
}

// rejected returns how many spans a response (ExportTraceServiceResponse) has rejected.
func rejected(response []byte) uint64 {
	n, t, l := protowire.ConsumeTag(response)
	if l < 0 || n != 1 || t != protowire.BytesType { // partial_success
		return 0
	}
	partial, l := protowire.ConsumeBytes(response[l:])
	if l < 0 {
		return 0
	}
	n, t, l = protowire.ConsumeTag(partial)
	if l < 0 || n != 1 || t != protowire.VarintType { // rejected_spans
		return 0
	}
	spans, l := protowire.ConsumeVarint(partial[l:])
	if l < 0 {
		return 0
	}
	return spans
}
