package kafka

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io/fs"
	"math/big"
	"net"
	"os"
	"time"
)

// Certificate returns a certificate for loopback and the PEM of the authority that issued it. Both are made if the
// files don't exist, so that clients keep trusting the same authority. The authority's own key is thrown away.
func Certificate(authorityFile, keyFile string) (*tls.Config, []byte, error) {
	authority, err := os.ReadFile(authorityFile)
	if err == nil {
		var pair tls.Certificate
		if pair, err = tls.LoadX509KeyPair(keyFile, keyFile); err == nil {
			return &tls.Config{Certificates: []tls.Certificate{pair}}, authority, nil
		}
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	authority, pair, err := NewCertificate()
	if err != nil {
		return nil, nil, err
	}
	if err := os.WriteFile(keyFile, pair, 0o600); err != nil {
		return nil, nil, err
	}
	if err := os.WriteFile(authorityFile, authority, 0o644); err != nil {
		return nil, nil, err
	}
	return Certificate(authorityFile, keyFile)
}

// NewCertificate returns an authority's certificate, and a certificate for loopback that it issued with its key, in
// PEM.
func NewCertificate() (authority, pair []byte, err error) {
	authorityKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	issuer := template("MSK sandbox authority")
	issuer.IsCA, issuer.BasicConstraintsValid, issuer.KeyUsage = true, true, x509.KeyUsageCertSign
	issued, err := x509.CreateCertificate(rand.Reader, issuer, issuer, authorityKey.Public(), authorityKey)
	if err != nil {
		return nil, nil, err
	}
	broker := template("MSK sandbox broker")
	broker.DNSNames, broker.IPAddresses = []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	broker.KeyUsage = x509.KeyUsageDigitalSignature
	broker.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	leaf, err := x509.CreateCertificate(rand.Reader, broker, issuer, key.Public(), authorityKey)
	if err != nil {
		return nil, nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	authority = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: issued})
	pair = append(
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...)
	return authority, pair, nil
}

func template(name string) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, big.NewInt(1<<62))
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(5, 0, 0),
	}
}
