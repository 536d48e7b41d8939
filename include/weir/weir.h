/* weir/weir.h: everything. */
#ifndef WEIR_WEIR_H
#define WEIR_WEIR_H
#include <weir/advise.h>
#include <weir/arrow.h>
#include <weir/base.h>
#include <weir/bulk.h>
#include <weir/checkpoint.h>
#include <weir/engine.h>
#include <weir/entity.h>
#include <weir/expression.h>
#include <weir/keyset.h>
#include <weir/loop.h>
#include <weir/parallel.h>
#include <weir/queue.h>
#include <weir/result.h>
#include <weir/schema.h>
#include <weir/select.h>
#include <weir/session.h>
#include <weir/statement.h>
#include <weir/stream.h>
#include <weir/transfer.h>
#include <weir/value.h>
#include <weir/write.h>
#endif
