// The metrics of block lists that are fetched.

package observe

import (
	"github.com/prometheus/client_golang/prometheus"

	"bailiwick/internal/weblist"
)

// fetchedLists reads how it is with the lists when metrics are scraped.
type fetchedLists struct{ status func() []weblist.Status }

// listDesc defines a metric with a label for the list, and others.
func listDesc(name, help string, labels ...string) *prometheus.Desc {
	return desc("block_list_"+name, help, append([]string{"list"}, labels...)...)
}

var (
	listAge = listDesc("age_seconds", "Time since the web server of a block list has given or "+
		"confirmed the text in use; there is no value while there is none.")
	listNames   = listDesc("names", "Names in a block list by URL, 0 if there is no text.")
	listBytes   = listDesc("bytes", "Memory that the text of a block list takes, in bytes.")
	listFetches = listDesc("fetches_total", "Fetches of a block list by outcome: updated, "+
		"current, failed, or refused as what came is not a list.", "outcome")
)

// WatchLists adds the metrics of block lists that are fetched.
func (m *Metrics) WatchLists(status func() []weblist.Status) {
	m.Registry.MustRegister(&guarded{m, &fetchedLists{status}})
}

// Describe implements prometheus.Collector.
func (f *fetchedLists) Describe(ch chan<- *prometheus.Desc) {
	describe(ch, listAge, listNames, listBytes, listFetches)
}

// Collect implements prometheus.Collector.
func (f *fetchedLists) Collect(ch chan<- prometheus.Metric) {
	for _, s := range f.status() {
		if s.Has {
			sendGauge(ch, listAge, s.Age.Seconds(), s.List)
		}
		sendGauge(ch, listNames, s.Names, s.List)
		sendGauge(ch, listBytes, s.Bytes, s.List)
		for outcome, n := range map[string]int64{"updated": s.Updated, "current": s.Current,
			"failed": s.Failed, "refused": s.Refused} {
			sendCount(ch, listFetches, n, s.List, outcome)
		}
	}
}
