package observe

import (
	"github.com/prometheus/client_golang/prometheus"

	"bailiwick/internal/xdp"
	"bailiwick/transport"
)

// xdpPorts collects the metrics of interfaces that are served by AF_XDP.
type xdpPorts struct{ states func() []transport.XDPState }

var (
	xdpUp = desc("xdp_up", "1 where an interface of listen.xdp is "+
		"served by AF_XDP, 0 where it is served by sockets.", "interface")
	xdpFrames = desc("xdp_frames_total", "Frames of an interface of "+
		"listen.xdp: received and sent by AF_XDP, and passed to the kernel's network stack.",
		"interface", "way")
	xdpDropped = desc("xdp_dropped_total", "Frames of an interface of "+
		"listen.xdp that were dropped, received ones and answers, by reason; docs/xdp.md has "+
		"what each means.", "interface", "reason")
)

// WatchXDP registers the metrics of interfaces that are served by AF_XDP.
func (m *Metrics) WatchXDP(states func() []transport.XDPState) {
	m.Registry.MustRegister(&guarded{m, &xdpPorts{states}})
}

// Describe implements prometheus.Collector.
func (x *xdpPorts) Describe(ch chan<- *prometheus.Desc) {
	describe(ch, xdpUp, xdpFrames, xdpDropped)
}

// Collect implements prometheus.Collector.
func (x *xdpPorts) Collect(ch chan<- prometheus.Metric) {
	for _, s := range x.states() {
		if s.Err != nil {
			sendGauge(ch, xdpUp, 0, s.Interface)
			continue
		}
		sendGauge(ch, xdpUp, 1, s.Interface)
		count := func(d *prometheus.Desc, n uint64, label string) {
			sendCount(ch, d, n, s.Interface, label)
		}
		count(xdpFrames, s.Received, "received")
		count(xdpFrames, s.Sent, "sent")
		count(xdpFrames, s.Passed, "passed")
		for _, v := range xdp.Reasons() {
			count(xdpDropped, s.Dropped[v], v.String())
		}
		count(xdpDropped, s.NoFill, "no_fill")
		count(xdpDropped, s.Full, "received_full")
	}
}
