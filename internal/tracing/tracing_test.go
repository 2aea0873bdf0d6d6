package tracing

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/clock"
	"bailiwick/internal/counter"
	"bailiwick/internal/event"
	"bailiwick/internal/lab"
	"bailiwick/internal/lab/labtest"
	"bailiwick/internal/querylog"
	"bailiwick/internal/recorder"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// collector is a collector of traces.
type collector struct {
	*httptest.Server
	mu     sync.Mutex
	answer func(w http.ResponseWriter, n int) // to request n; guarded by mu, as is all below
	asked  int
	spans  []*trace.Span
	of     string // the resource
	wrong  []string
}

func collect(t *testing.T) *collector {
	t.Helper()
	c := &collector{}
	c.Server = httptest.NewServer(http.HandlerFunc(c.serve))
	t.Cleanup(c.Close)
	return c
}

func (c *collector) serve(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked++
	if err != nil || q.Method != "POST" || q.URL.Path != "/v1/traces" ||
		q.Header.Get("Content-Type") != "application/x-protobuf" {
		c.wrong = append(c.wrong, fmt.Sprint(q.Method, q.URL, q.Header, err))
	}
	if c.answer != nil {
		c.answer(w, c.asked)
		return
	}
	var d trace.TracesData
	if err := proto.Unmarshal(body, &d); err != nil {
		c.wrong = append(c.wrong, err.Error())
	}
	for _, r := range d.ResourceSpans {
		c.of = r.Resource.String()
		for _, s := range r.ScopeSpans {
			c.spans = append(c.spans, s.Spans...)
		}
	}
}

// exporter returns an exporter to a collector, its counts and its log.
func exporter(t *testing.T, c *collector, change func(*Config)) (*Exporter, *counter.Outcomes,
	*strings.Builder) {
	t.Helper()
	cfg := Default()
	cfg.Endpoint = c.URL + "/v1/traces"
	if change != nil {
		change(&cfg)
	}
	return exporterTo(t, Settings{Config: cfg}, c.Client())
}

// exporterTo returns an exporter that sends by a client, its counts and its log.
func exporterTo(t *testing.T, s Settings, web *http.Client) (*Exporter, *counter.Outcomes,
	*strings.Builder) {
	t.Helper()
	n, log := &counter.Outcomes{}, &strings.Builder{}
	e := New(s, Parts{Web: web, Counts: n, Version: "1.0",
		Log: slog.New(slog.NewTextHandler(log, nil))})
	t.Cleanup(e.Close)
	return e, n, log
}

// newTLS returns a server over TLS that demands a certificate.
func newTLS(t *testing.T, h http.Handler) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// largeRecording is a recording that takes as many octets at least.
func largeRecording(octets int) *recorder.Recording {
	tr := &event.Trace{}
	for n := 0; n < octets; n += 200 {
		tr.Event(event.Event{Kind: event.CacheHit, Question: wire.Question{Name: wire.MustParseName(
			strings.Repeat(strings.Repeat("a", 60)+".", 4))}})
	}
	return &recorder.Recording{Time: time.Now(), Question: wire.Question{Name: wire.Root},
		Client: netip.IPv6Unspecified(), Trace: tr}
}

// resolve resolves names of the lab in front of a recorder.
func resolve(t *testing.T, rec *recorder.Recorder, names ...string) {
	t.Helper()
	w := lab.Internet(time.Now())
	cfg, anchors := labtest.Resolver(w)
	cfg.Prefetch = false
	r := resolver.New(cfg, resolver.Parts{Cache: cache.New(cache.Default()), Anchors: anchors,
		Exchanger: w, Clock: clock.Real{}})
	defer r.Close()
	for _, name := range names {
		q := wire.Question{Name: wire.MustParseName(name), Type: wire.TypeA, Class: wire.ClassIN}
		course := rec.Begin()
		o := resolver.Options{}
		if course != nil {
			o.Events = course
		}
		a := r.Resolve(context.Background(), q, o)
		if course != nil {
			course.End(q, netip.MustParseAddr("192.0.2.77"), a.Failure)
		}
	}
}

// attribute returns the value of a span's attribute, "" without one.
func attribute(s *trace.Span, key string) string {
	for _, a := range s.Attributes {
		if a.Key == key {
			if v := a.Value.GetStringValue(); v != "" {
				return v
			}
			return fmt.Sprint(a.Value.GetIntValue())
		}
	}
	return ""
}

// A resolution that failed is a trace: a span for the whole with the cause, and below it spans of
// fetches, questions to servers and verdicts, with the attributes that OpenTelemetry names.
func TestTraceOfAFailure(t *testing.T) {
	c := collect(t)
	e, n, _ := exporter(t, c, func(cfg *Config) { cfg.Clients = querylog.Prefix })
	rec := recorder.New(recorder.Config{})
	rec.Trace(e)
	resolve(t, rec, "www.expired.faulty.", "www.secure.example.")
	e.Close()
	if len(c.wrong) > 0 || n.Written.Load() != 1 {
		t.Fatalf("%v, %d sent", c.wrong, n.Written.Load())
	}
	for _, want := range []string{"service.name", "bailiwick", "service.version", "1.0",
		"service.instance.id"} {
		if !strings.Contains(c.of, want) {
			t.Errorf("%q is not in %s", want, c.of)
		}
	}
	root := c.spans[0]
	if root.Name != "resolve A" || root.Kind != trace.Span_SPAN_KIND_SERVER ||
		len(root.TraceId) != 16 || len(root.SpanId) != 8 || len(root.ParentSpanId) != 0 ||
		attribute(root, "dns.question.name") != "www.expired.faulty" ||
		attribute(root, "client.address") != "192.0.2.0/24" ||
		attribute(root, "error.type") != "signature_expired" ||
		attribute(root, "bailiwick.zone") != "expired.faulty." ||
		root.Status.GetCode() != trace.Status_STATUS_CODE_ERROR ||
		strings.Count(root.Status.Message, cause.SignatureExpired.Text()) != 1 ||
		!strings.Contains(root.Status.Message, "expired 20") {
		t.Errorf("%v", root)
	}
	known := map[string]*trace.Span{string(root.SpanId): root}
	kinds := map[string]int{}
	for _, s := range c.spans[1:] {
		kinds[strings.Fields(s.Name)[0]]++
		known[string(s.SpanId)] = s
		if string(s.TraceId) != string(root.TraceId) || known[string(s.ParentSpanId)] == nil ||
			s.StartTimeUnixNano > s.EndTimeUnixNano || s.StartTimeUnixNano == 0 {
			t.Errorf("%v", s)
		}
		if strings.HasPrefix(s.Name, "query ") && (s.Kind != trace.Span_SPAN_KIND_CLIENT ||
			!strings.HasPrefix(attribute(s, "server.address"), "127.53.") ||
			attribute(s, "server.port") != "53" ||
			attribute(s, "network.transport") != attribute(s, "bailiwick.transport") ||
			attribute(s, "network.type") != "ipv4" ||
			attribute(s, "dns.response_code") != "NOERROR" ||
			!strings.Contains("udp tcp", attribute(s, "bailiwick.transport"))) {
			t.Errorf("%v", s)
		}
	}
	if kinds["fetch"] < 3 || kinds["query"] < 4 || kinds["validate"] < 3 {
		t.Errorf("%v", kinds)
	}
	if !slices.ContainsFunc(c.spans, func(s *trace.Span) bool {
		return strings.HasPrefix(s.Name, "validate") &&
			attribute(s, "bailiwick.validation") == "bogus" &&
			attribute(s, "error.type") == "signature_expired"
	}) {
		t.Error("no verdict has the cause")
	}
}

// What is told of is decided by the outcome, the time and a count.
func TestWhichResolutionsAreTraced(t *testing.T) {
	for _, c := range []struct {
		cfg  Config
		took time.Duration
		fail bool
		want string
	}{
		{Config{Failed: true}, time.Millisecond, true, "111111"},
		{Config{Failed: true}, time.Hour, false, "000000"},
		{Config{Slow: time.Second}, time.Second, false, "111111"},
		{Config{Slow: time.Second}, time.Second - 1, true, "000000"},
		{Config{Sample: 3}, 0, false, "100100"},
		{Config{Sample: 3}, 0, true, "100100"},
		{Config{Failed: true, Sample: 1}, 0, false, "111111"},
	} {
		e, got := &Exporter{cfg: Settings{Config: c.cfg}}, ""
		for range len(c.want) {
			if e.Wants(c.took, c.fail) {
				got += "1"
			} else {
				got += "0"
			}
		}
		if got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

// send passes recordings on.
func send(e *Exporter, n int) {
	for range n {
		e.Take(&recorder.Recording{Time: time.Now(), Question: wire.Question{Name: wire.Root},
			Client: netip.IPv6Unspecified(), Trace: &event.Trace{}})
	}
}

// A collector that hangs costs traces, which are counted: nothing waits for it, not even the end.
func TestCollectorThatHangs(t *testing.T) {
	c := collect(t)
	begun, hold := make(chan struct{}, 8), make(chan struct{})
	c.Config.Handler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		select {
		case begun <- struct{}{}:
		default:
		}
		<-hold
	})
	defer close(hold)
	e, n, _ := exporter(t, c, nil)
	e.limit.Most = 1 << 20
	send(e, maxBatch)
	<-begun
	send(e, maxQueued+50)
	if d := n.Dropped.Load(); d < 50 {
		t.Errorf("%d dropped", d)
	}
	e.Close()
}

// An attack that fails thousands of resolutions has some of them sent.
func TestMaxTracesPerSecond(t *testing.T) {
	e := &Exporter{queue: make(chan *recorder.Recording, 100*maxPerSecond),
		parts: Parts{Counts: &counter.Outcomes{}}}
	e.limit.Most = maxPerSecond
	send(e, 20*maxPerSecond)
	if n := len(e.queue); n > 2*maxPerSecond || e.parts.Counts.Dropped.Load() < 10*maxPerSecond {
		t.Errorf("%d taken, %d dropped", n, e.parts.Counts.Dropped.Load())
	}
}

// Whatever a server says, the text of a span can be read: one that is not UTF-8 costs the batch.
func TestSpansAreText(t *testing.T) {
	n, err := wire.ParseName(`a\255\128.example`)
	if err != nil {
		t.Fatal(err)
	}
	s := &trace.Span{}
	question(s, wire.Question{Name: n, Type: wire.TypeA})
	set(s, "x", "\xff\xfe")
	if _, err := proto.Marshal(s); err != nil {
		t.Error(err)
	}
}

// Without a collector there is no exporter, and nothing is recorded for it.
func TestNoCollector(t *testing.T) {
	if e := New(Settings{Config: Default()}, Parts{}); e != nil {
		t.Error("there is an exporter")
	}
	rec := recorder.New(recorder.Config{})
	if rec.Begin() != nil {
		t.Error("something is recorded")
	}
}
