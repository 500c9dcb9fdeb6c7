package access

import (
	"crypto/rand"
	"encoding/binary"
	"time"
)

// The prefixes of ids, one for each sort of thing. The prefix of an
// application is public: its id is the username of its Basic credentials.
const (
	idOrganization = "org_"
	idApplication  = "app_"
	idAPI          = "api_"
	idUser         = "usr_"
	idBasic        = "bas_"
	idToken        = "tok_"
	idClient       = "cli_"
	idPersonal     = "per_"
	idAccessToken  = "act_"
	idInvite       = "inv_"
	idSession      = "ses_"
	idElevation    = "elv_"
	idEvent        = "evt_"
	idNode         = "nod_"
)

const crockford = "0123456789abcdefghjkmnpqrstvwxyz"

// newID returns prefix and a UUIDv7 (RFC 9562 §5.7) in 26 characters of
// Crockford's base32, lower case: ids sort by the time they were made.
func newID(prefix string, now time.Time) string {
	var u [16]byte
	_, _ = rand.Read(u[:])
	ms := uint64(now.UnixMilli())
	u[0], u[1], u[2] = byte(ms>>40), byte(ms>>32), byte(ms>>24)
	u[3], u[4], u[5] = byte(ms>>16), byte(ms>>8), byte(ms)
	u[6] = u[6]&0x0f | 0x70
	u[8] = u[8]&0x3f | 0x80
	hi, lo := binary.BigEndian.Uint64(u[:8]), binary.BigEndian.Uint64(u[8:])
	out := make([]byte, 26)
	for i := 25; i >= 0; i-- {
		out[i] = crockford[lo&31]
		lo = lo>>5 | hi<<59
		hi >>= 5
	}
	return prefix + string(out)
}
