package localdata

import (
	"reflect"
	"strings"

	"github.com/miekg/dns"

	"bailiwick/wire"
)

// toASCII writes all names of a record, its owner's and those in its RDATA, as clients ask for
// them, see [wire.ASCII]. What is text, as in TXT records, stays as it is.
func toASCII(rr dns.RR) error {
	names := []*string{&rr.Header().Name}
	record := reflect.ValueOf(rr).Elem()
	for i := range record.NumField() {
		if name, ok := record.Field(i).Addr().Interface().(*string); ok &&
			strings.HasSuffix(record.Type().Field(i).Tag.Get("dns"), "domain-name") {
			names = append(names, name)
		}
	}
	for _, name := range names {
		text, err := wire.ASCII(*name)
		if err != nil {
			return err
		}
		*name = text
	}
	return nil
}
