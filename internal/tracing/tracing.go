// Package tracing tells a collector of traces (OpenTelemetry) how resolutions went that have
// failed, were slow or belong to a sample: by OTLP over HTTP, made of what the recorder has of
// them. No resolution waits for it: what cannot be sent as fast as it comes is dropped, and
// counted. Answers from memory are no resolutions, and cost nothing.
package tracing

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"slices"
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
	"bailiwick/internal/pemfile"
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
	Gzip     bool // what is sent is compressed

	HeadersFile    string // header fields of each request, such as that of a token; "": none
	TLSRoots       string // file of those who issue the receiver's certificate; "": the system's
	TLSCertificate string // file of this server's own certificate, if the receiver wants one
	TLSKey         string // and of its key
}

// Settings are the configuration with all that it names.
type Settings struct {
	Config
	Headers     http.Header
	Roots       *pemfile.Trusted // nil: the system's
	Certificate *pemfile.Own     // nil: none is shown
}

// Equal reports whether two settings are the same, with what is in the files that they name.
func (s Settings) Equal(o Settings) bool {
	return s.Config == o.Config && maps.EqualFunc(s.Headers, o.Headers, slices.Equal) &&
		s.Roots.Equal(o.Roots) && s.Certificate.Equal(o.Certificate)
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
	cfg   Settings
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
func New(cfg Settings, p Parts) *Exporter {
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

// Settings returns the settings that it has; of no exporter, those of one that sends nothing.
func (e *Exporter) Settings() Settings {
	if e == nil {
		return Settings{}
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
		if n, rec = n+1, nil; n == maxBatch || proto.Size(scope) > maxBody {
			break
		}
		select {
		case rec = <-e.queue:
		default:
		}
	}
	lost, err := e.deliver(scope)
	e.state.Note(err)
	lost = min(lost, n) // which resolutions the spans are of is not told
	e.parts.Counts.Lost.Add(lost)
	e.parts.Counts.Written.Add(n - lost)
}

// deliver sends spans until they are taken, or not any more. It returns how many are lost.
func (e *Exporter) deliver(scope *trace.ScopeSpans) (lost uint64, err error) {
	// The same octets as ExportTraceServiceRequest, whose package would bring gRPC with it.
	body, err := proto.Marshal(&trace.TracesData{ResourceSpans: []*trace.ResourceSpans{
		{Resource: e.of, ScopeSpans: []*trace.ScopeSpans{scope}}}})
	all := uint64(len(scope.Spans))
	if err != nil {
		return all, err
	}
	if e.cfg.Gzip {
		body = compress(body)
	}
	pause := backoffFirst
	for try := 1; ; try++ {
		again, rejected, err := e.send(body)
		if again == 0 || try == maxTries || e.stops.Err() != nil {
			if err != nil && rejected == 0 {
				rejected = all
			}
			return rejected, err
		}
		e.state.Note(err)
		e.wait(min(max(pause, again), backoffMost))
		pause *= 2
	}
}

// compress returns text in the format of gzip.
func compress(text []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(text) // to memory
	_ = w.Close()
	return b.Bytes()
}

// send sends a batch. If that failed and may succeed later, again is how long to wait at least; of
// what arrived, rejected is how many spans the receiver does not want.
func (e *Exporter) send(body []byte) (again time.Duration, rejected uint64, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), sendTime)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, e.cfg.Endpoint,
		bytes.NewReader(body))
	if err != nil {
		return 0, 0, err
	}
	maps.Copy(q.Header, e.cfg.Headers)
	q.Header.Set("Content-Type", "application/x-protobuf")
	q.Header.Set("User-Agent", "bailiwick/"+e.parts.Version)
	if e.cfg.Gzip {
		q.Header.Set("Content-Encoding", "gzip")
	}
	r, err := e.parts.Web.Do(q)
	if err != nil {
		return backoffFirst, 0, err
	}
	defer r.Body.Close()
	text, err := io.ReadAll(io.LimitReader(r.Body, maxResponse))
	switch {
	case r.StatusCode == http.StatusTooManyRequests, r.StatusCode == http.StatusBadGateway,
		r.StatusCode == http.StatusServiceUnavailable,
		r.StatusCode == http.StatusGatewayTimeout:
		return max(backoffFirst, retryAfter(r.Header.Get("Retry-After"), time.Now())), 0,
			fmt.Errorf("the collector answers %s", r.Status)
	case r.StatusCode == http.StatusUnauthorized, r.StatusCode == http.StatusForbidden:
		return 0, 0, fmt.Errorf("the collector answers %s: see tracing.headers_file", r.Status)
	case r.StatusCode/100 != 2:
		return 0, 0, fmt.Errorf("the collector answers %s", r.Status)
	case err != nil: // it has the batch
		return 0, 0, nil
	}
	n, why := partial(text)
	if n > 0 {
		return 0, n, fmt.Errorf("the collector has rejected %d spans: %.200q", n, why)
	}
	return 0, 0, nil
}

// retryAfter returns how long a receiver wants not to be asked (RFC 9110, section 10.2.3): seconds,
// or a date.
func retryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return at.Sub(now)
	}
	return 0
}

// partial returns how many spans a response (ExportTraceServiceResponse) has rejected, and why. A
// receiver that has taken all may have something to say as well, which is no failure.
func partial(response []byte) (rejected uint64, why string) {
	of := field(response, 1, protowire.BytesType) // partial_success
	inner, _ := protowire.ConsumeBytes(of)
	rejected, l := protowire.ConsumeVarint(field(inner, 1, protowire.VarintType))
	if l < 0 || int64(rejected) < 0 {
		return 0, ""
	}
	text, _ := protowire.ConsumeBytes(field(inner, 2, protowire.BytesType))
	return rejected, string(text)
}

// field returns a message from the value of a field on, nil if it is not in the message or the
// message is damaged.
func field(message []byte, number protowire.Number, typ protowire.Type) []byte {
	for len(message) > 0 {
		n, t, l := protowire.ConsumeTag(message)
		if l < 0 {
			return nil
		}
		if message = message[l:]; n == number && t == typ {
			return message
		}
		if l = protowire.ConsumeFieldValue(n, t, message); l < 0 {
			return nil
		}
		message = message[l:]
	}
	return nil
}
