// The metrics of catalog zones.

package observe

import (
	"github.com/prometheus/client_golang/prometheus"

	"bailiwick/wire"
)

// CatalogState is how it is with a catalog.
type CatalogState struct {
	Name             wire.Name
	Members, Refused int    // zones that are members, and that are listed and not taken
	Broken           string // why it is not processed, "" if it is
}

// catalogZones reads how it is with the catalogs when metrics are scraped.
type catalogZones struct{ states func() []CatalogState }

var (
	catalogMembers = desc("catalog_members", "Zones that are members of "+
		"a catalog.", "catalog")
	catalogRefused = desc("catalog_refused_members", "Zones that a "+
		"catalog lists and that are not taken.", "catalog")
	catalogBroken = desc("catalog_broken", "1 if a catalog is broken, so "+
		"that its members stay as they are.", "catalog")
)

// WatchCatalogs adds the metrics of catalog zones.
func (m *Metrics) WatchCatalogs(states func() []CatalogState) {
	m.Registry.MustRegister(&guarded{m, &catalogZones{states}})
}

// Describe implements prometheus.Collector.
func (c *catalogZones) Describe(ch chan<- *prometheus.Desc) {
	describe(ch, catalogMembers, catalogRefused, catalogBroken)
}

// Collect implements prometheus.Collector.
func (c *catalogZones) Collect(ch chan<- prometheus.Metric) {
	for _, s := range c.states() {
		for d, v := range map[*prometheus.Desc]float64{catalogMembers: float64(s.Members),
			catalogRefused: float64(s.Refused), catalogBroken: oneIf(s.Broken != "")} {
			sendGauge(ch, d, v, s.Name.String())
		}
	}
}
