package main

import (
	"encoding/xml"
	"io"
	"strings"
	"testing"
)

const report = `Statistics:

  Queries sent:         12345
  Queries completed:    12340 (99.96%)
  Queries lost:         5 (0.04%)
  Queries per second:   4113.123456
  Average Latency (s):  0.001235 (min 0.000012, max 0.123456)
`

func TestFigure(t *testing.T) {
	for pattern, want := range map[string]float64{
		`Queries completed:\s+([0-9]+)`: 12340, `Queries lost:\s+([0-9]+)`: 5,
		`Queries per second:\s+([0-9.]+)`:    4113.123456,
		`Average Latency \(s\):\s+([0-9.]+)`: 0.001235, `nothing ([0-9]+)`: 0,
	} {
		if got := figure(report, pattern); got != want {
			t.Errorf("%s: %v, want %v", pattern, got, want)
		}
	}
}

func TestMedians(t *testing.T) {
	var all []result
	for _, cpu := range []float64{9, 1, 5} {
		all = append(all, result{"a", "hit", 100 * cpu, cpu, 0, 0},
			result{"b", "hit", 7, 2 * cpu, 0, 0})
	}
	table := medians(all)
	if len(table) != 2 || table[0].cpu != 5 || table[0].qps != 500 || table[1].subject != "b" ||
		table[1].cpu != 10 {
		t.Errorf("%+v", table)
	}
}

// The chart is XML, with a bar for each result, the longest within the picture.
func TestChart(t *testing.T) {
	bars := 0
	d := xml.NewDecoder(strings.NewReader(chart([]result{{"a<b", "hit", 1, 10, 1, 0},
		{"bailiwick", "hit", 1, 5, 1, 0}, {"a", "miss", 1, 100, 1, 0}})))
	for {
		tok, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := tok.(xml.StartElement); ok && e.Name.Local == "rect" {
			bars++
		}
	}
	if bars != 4 { // and the background
		t.Errorf("%d rectangles", bars)
	}
}
