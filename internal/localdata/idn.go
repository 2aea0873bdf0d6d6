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
	for _, name := range append(namesIn(reflect.ValueOf(rr).Elem()), &rr.Header().Name) {
		text, err := wire.ASCII(*name)
		if err != nil {
			return err
		}
		*name = text
	}
	return nil
}

// namesIn returns the names in the RDATA of a record: what the library has tagged as one, also in
// the record of another type that this one is made of (HTTPS of SVCB), the names of a list (HIP),
// and gateways, which may be addresses (IPSECKEY, AMTRELAY).
func namesIn(record reflect.Value) (names []*string) {
	for i := range record.NumField() {
		field := record.Type().Field(i)
		tag := field.Tag.Get("dns")
		isName := strings.HasSuffix(tag, "domain-name") || strings.HasSuffix(tag, "host")
		switch value := record.Field(i).Addr().Interface().(type) {
		case *string:
			if isName {
				names = append(names, value)
			}
		case *[]string:
			for j := range *value {
				if isName {
					names = append(names, &(*value)[j])
				}
			}
		default:
			if field.Anonymous && field.Type.Kind() == reflect.Struct {
				names = append(names, namesIn(record.Field(i))...)
			}
		}
	}
	return names
}
