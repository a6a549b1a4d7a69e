/** Prompts to begin with. */
export const IDEAS = [
  { prompt: "A felt piano by an open window, soft rain, strings that arrive late", style: "classical", tempo: "slow" },
  { prompt: "Brushed drums, a walking bass and a sleepy trumpet after closing time", style: "jazz", tempo: 92 },
  { prompt: "Warm analogue pads over a slow river at dawn, a distant bell", style: "ambient", tempo: "slow" },
  { prompt: "A night drive with pulsing synth bass, crisp drums and neon arpeggios", style: "electronic", tempo: 118 },
  { prompt: "Open-chord guitars, a stubborn drummer, the last song of the summer tour", style: "rock", tempo: "fast" },
  { prompt: "Acoustic guitar, glockenspiel and handclaps for a bright morning kitchen", style: "instrumental", tempo: "moderate" },
];
