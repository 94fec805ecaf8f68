/* SPDX-License-Identifier: BSD-3-Clause */
// Frames: headers, payload pattern and checksums.
#include "frame.h"

// Of the bytes as 16-bit words in memory order, which is how frame_stamp adds.
static uint64_t sum_bytes(const void *data, size_t bytes)
{
	const uint8_t *p = data;
	uint64_t sum = 0;

	for (size_t i = 0; i + 1 < bytes; i += 2)
		sum += p[i] | (uint32_t)p[i + 1] << 8;
	if (bytes % 2 != 0)
		sum += p[bytes - 1];
	return sum;
}

static void write_headers(struct frame *frame, const struct frame_template *template)
{
	*frame = (struct frame){
	        .type_be = __builtin_bswap16(template->type),
	        .version_be = __builtin_bswap32(6u << 28),
	        .next_header = 17,
	        .hop_limit = 64,
	};
	memcpy(frame->dst_mac, template->dst_mac, sizeof(frame->dst_mac));
	memcpy(frame->src_mac, template->src_mac, sizeof(frame->src_mac));
	memcpy(frame->src, template->src, sizeof(frame->src));
	memcpy(&frame->dst_high, template->dst, 4);
	memcpy(&frame->dst_low, template->dst + 8, 4);
	frame->src_port_id_be = __builtin_bswap32(template->src_port_id);
	frame->dst_port_id_be = __builtin_bswap32(template->dst_port_id);
}

uint32_t frame_constant(const struct frame_template *template)
{
	struct frame frame;

	write_headers(&frame, template);
	return frame_fold(sum_bytes(frame.src, 16) + sum_bytes(&frame.dst_high, 4) +
	                  sum_bytes(&frame.dst_low, 8) + __builtin_bswap16(frame.next_header));
}

// The length counts twice: in the pseudo header and in that of UDP.
void frame_size_sums(uint32_t *table, uint32_t max)
{
	uint64_t payload = 0;

	for (uint32_t bytes = FRAME_BYTES_MIN; bytes <= max; bytes++) {
		// words of the payload begin at even offsets
		if (bytes > FRAME_BYTES_STAMPED)
			payload += (uint32_t)frame_pattern(bytes - 1) << ((bytes - 1) % 2 * 8);
		table[bytes] =
		        frame_fold(payload + 2ull * __builtin_bswap16((uint16_t)(bytes - 54)));
	}
}

void frame_write(struct frame *frame, const struct frame_template *template, uint32_t bytes,
        uint32_t size_sum)
{
	uint8_t *p = (uint8_t *)frame;
	struct frame whole;

	write_headers(&whole, template);
	memcpy(frame, &whole, bytes < sizeof(whole) ? bytes : sizeof(whole));
	for (uint32_t at = FRAME_BYTES_STAMPED; at < bytes; at++)
		p[at] = frame_pattern(at);
	frame_resize(frame, bytes, frame_constant(template), size_sum);
}

bool frame_pattern_holds(const struct frame *frame, uint32_t bytes)
{
	const uint8_t *p = (const uint8_t *)frame;

	for (uint32_t at = FRAME_BYTES_STAMPED; at < bytes; at++) {
		if (p[at] != frame_pattern(at))
			return false;
	}
	return true;
}
