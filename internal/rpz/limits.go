// Limits: amounts that the makers of policy zones can influence.

package rpz

// maxRecords is how many records of a set of a rule a client gets: each answer is a copy of them. A
// set of thousands fits no packet, and costs the server more than the client (CVE-2024-1737; BIND's
// max-records-per-type is the same).
const maxRecords = 100
