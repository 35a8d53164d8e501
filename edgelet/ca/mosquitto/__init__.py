"""What mosquitto needs to serve a fleet: settings, access list, certificates, logins; all made from ca.db."""
