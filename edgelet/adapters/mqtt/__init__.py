"""ports.bus over MQTT v5: paho-mqtt driven by the asyncio loop, no thread of its own once it is connected."""
