package config

import (
	"path/filepath"
	"strings"
	"testing"

	"bailiwick/internal/localdata"
)

// What is written of local data is what is read, short forms included.
func TestLocalData(t *testing.T) {
	c, found := written(t, "policy:\n  local_zones: [{name: Corp.Example, type: Static}, "+
		"{name: ads.example, type: redirect}]\n"+
		"  local_records: [\"www.corp.example A 192.0.2.1\"]\n  hosts_files: [hosts]\n"+
		"  block_lists: [ads.txt, {file: more.txt, action: refuse}]\n")
	if len(found) > 0 {
		t.Fatal(found)
	}
	if len(c.LocalZones) != 2 || c.LocalZones[0].Type != localdata.Static ||
		c.LocalZones[0].Name.String() != "corp.example." ||
		c.LocalZones[1].Type != localdata.Redirect {
		t.Errorf("zones: %+v", c.LocalZones)
	}
	if len(c.LocalRecords) != 1 || len(c.HostsFiles) != 1 || len(c.BlockLists) != 2 ||
		c.BlockLists[0].Action != localdata.ListNXDomain ||
		c.BlockLists[1].Action != localdata.ListRefuse ||
		!strings.HasSuffix(c.BlockLists[1].Path, "/more.txt") {
		t.Errorf("%+v %+v %+v", c.LocalRecords, c.HostsFiles, c.BlockLists)
	}
}

// A local zone is written as text with its type, as in a view, or as a map. The type is the last
// word: a name may have a space.
func TestLocalZoneAsText(t *testing.T) {
	for text, want := range map[string]string{"a.example static": "a.example.",
		"a.example   Static": "a.example.", " f.example static ": "f.example.",
		`a\ b.example static`: `a\032b.example.`, "a.example": "", "a.example static x": ""} {
		zone := "local_zones: ['" + text + "']"
		c, found := written(t, "policy: {"+zone+"}\n")
		zones := c.LocalZones
		v, more := written(t, "views: [{name: v, clients: [192.0.2.1], "+zone+"}]\n")
		if len(v.Views) == 1 {
			zones = append(zones, v.Views[0].data.LocalZones...)
		}
		if want == "" {
			if len(zones) > 0 || len(found) == 0 || len(more) == 0 {
				t.Errorf("%s: %+v, %v, %v", text, zones, found, more)
			}
			continue
		}
		if len(zones) != 2 || len(found)+len(more) > 0 {
			t.Fatalf("%s: %+v, %v, %v", text, zones, found, more)
		}
		for _, z := range zones {
			if z.Type != localdata.Static || z.Name.String() != want {
				t.Errorf("%s: %+v", text, z)
			}
		}
	}
}

// What is wrong with local data is said where it stands, with what would be right.
func TestLocalDataThatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		"local_zones: [{name: a.example}]":             "is not one of transparent",
		"local_zones: [{name: a.example, type: deny}]": "is not one of transparent",
		"local_zones: [{type: static}]":                "lacks its name",
		"local_zones: [{name: a..b, type: static}]":    "name \"a..b\"",
		"local_zones: [{name: a, type: static}, {name: A., type: drop}]": "given twice, here and " +
			"as policy.local_zones[0]",
		"block_lists: [{action: refuse}]":                  "lacks its file",
		"block_lists: [{file: ads.txt, action: allowall}]": "is not one of nxdomain",
		"hosts_files: [\"\"]":                              "lacks its path",
	} {
		_, found := written(t, "policy:\n  "+text+"\n")
		if len(found) != 1 || !strings.Contains(found[0].Error(), want) ||
			!strings.Contains(found[0].Error(), ":2:") {
			t.Errorf("%s: %v", text, found)
		}
	}
}

// A block list is a file or a URL, in the general policy and in views, written as a map or as text;
// how often it is fetched is decided by the view that wants it most often.
func TestBlockListsByURL(t *testing.T) {
	c, found := written(t, "policy:\n  block_lists:\n    - ads.txt\n"+
		"    - \"https://lists.example/a\"\n"+
		"    - {url: \"https://lists.example/b\", action: allow, refresh: 6h}\n"+
		"views:\n  - name: v\n    clients: [192.0.2.0/24]\n    block_lists:\n"+
		"      - {url: \"https://lists.example/a\", refresh: 2h, action: refuse}\n"+
		"      - \"https://lists.example/c\"\n      - {file: \"my games.txt\"}\n")
	if len(found) > 0 {
		t.Fatal(found)
	}
	var got []string
	for _, l := range c.FetchedLists() {
		got = append(got, l.URL[len("https://lists.example/"):]+" "+l.Refresh.String())
	}
	if all := strings.Join(got, ", "); all != "a 2h0m0s, b 6h0m0s, c 24h0m0s" {
		t.Errorf("%s", all)
	}
	v := c.Policies()[1].Data.BlockLists
	if len(v) != 3 || v[0].Action != localdata.ListRefuse ||
		v[1].Action != localdata.ListNXDomain ||
		filepath.Base(v[2].Path) != "my games.txt" || v[2].URL != "" {
		t.Errorf("%+v", v)
	}
	for text, want := range map[string]string{
		"{url: \"http://lists.example/a\"}":                     "https://host/path",
		"{url: \"https://user:pass@lists.example/a\"}":          "https://host/path",
		"{url: \"https://lists.example/a\", file: a}":           "not both",
		"{file: a, refresh: 2h}":                                "refresh is for",
		"{url: \"https://lists.example/a\", refresh: 10s}":      "not a time from",
		"{url: \"https://lists.example/a\", refresh: 90d}":      "not a time from",
		"{action: nodata}":                                      "lacks its file or url",
		"{url: \"https://lists.example/a\", action: something}": "something",
	} {
		for _, file := range []string{"policy:\n  block_lists:\n    - " + text + "\n",
			"views:\n  - name: v\n    clients: [192.0.2.0/24]\n    block_lists:\n      - " + text +
				"\n"} {
			_, found := written(t, file)
			if len(found.Errors()) == 0 || !strings.Contains(found.Errors()[0].Error(), want) {
				t.Errorf("%s: %v", file, found)
			}
		}
	}
}
